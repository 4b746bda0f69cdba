import type { Duplicate } from './duplicate-sketch.ts';
import { HashSlots, INITIAL_SLOTS, storedHash } from './hash-slots.ts';

/** 2^18 slots of 20 bytes: 5 MiB, for 196,608 distinct questions. */
const DEFAULT_MAX_SLOTS = 1 << 18;

/**
 * Finds records that ask what an earlier one asked and answer otherwise. Memory is bounded: once it is full, only
 * conflicts with the questions it knows are found.
 */
export class ConflictSketch {
  readonly #slots: HashSlots;
  #firstRecords = new Uint32Array(INITIAL_SLOTS);
  #answers = new Float64Array(INITIAL_SLOTS);

  constructor(maxSlots = DEFAULT_MAX_SLOTS) {
    this.#slots = new HashSlots(maxSlots);
  }

  /** Gives the first record with this question when its answer was another. */
  add(question: number, answer: number, record: number): Duplicate | undefined {
    const value = storedHash(question);
    const slot = this.#slots.find(value);
    if (this.#slots.has(slot)) {
      return this.#answers[slot] === answer ? undefined : { record, firstRecord: this.#firstRecords[slot] ?? 0 };
    }
    if (this.#slots.full && !this.#slots.canGrow) return undefined;
    this.#slots.place(slot, value);
    this.#firstRecords[slot] = record;
    this.#answers[slot] = answer;
    if (this.#slots.full && this.#slots.canGrow) this.#grow();
    return undefined;
  }

  #grow(): void {
    const [firstRecords, answers] = [this.#firstRecords, this.#answers];
    this.#firstRecords = new Uint32Array(this.#slots.length * 2);
    this.#answers = new Float64Array(this.#slots.length * 2);
    this.#slots.rebuild(
      this.#slots.length * 2,
      () => true,
      (from, to) => {
        this.#firstRecords[to] = firstRecords[from] ?? 0;
        this.#answers[to] = answers[from] ?? 0;
      },
    );
  }
}
