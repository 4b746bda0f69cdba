import { seededRandom } from '../../bench/data.ts';

/** Choices drawn from one seed: the same seed makes the same case on every machine. */
export class Choices {
  readonly #random: () => number;

  constructor(seed: number, caseNumber: number) {
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(caseNumber + 1, 0x85ebca6b));
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.#random() * below);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }
}
