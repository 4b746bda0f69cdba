import { setTimeout as sleep } from 'node:timers/promises';

/** Holds a flow of bytes to a rate. Time that passes without bytes is not saved up beyond a quarter of a second. */
export class Pace {
  readonly #bytesPerSecond: number;
  readonly #signal: AbortSignal | undefined;
  readonly #now: () => number;
  #freeAtMs: number;

  constructor(bytesPerSecond: number, signal?: AbortSignal, now: () => number = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#signal = signal;
    this.#now = now;
    this.#freeAtMs = now();
  }

  /** Resolves when `count` bytes may count as passed. @throws the reason of the signal */
  async pass(count: number): Promise<void> {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#now() - BURST_MS) + (count / this.#bytesPerSecond) * 1000;
    const waitMs = this.#freeAtMs - this.#now();
    // Timers are not finer than this: shorter waits add up until one is worth it.
    if (waitMs >= 10) await sleep(waitMs, undefined, { signal: this.#signal });
  }
}

const BURST_MS = 250;
