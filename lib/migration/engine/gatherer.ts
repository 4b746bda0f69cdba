interface Entry<T, R> {
  value: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** Writes many small things with few statements: what comes while one write runs goes into the next. */
export class Gatherer<T, R> {
  readonly #write: (values: readonly T[]) => Promise<readonly R[]>;
  readonly #most: number;
  #waiting: Entry<T, R>[] = [];
  #writing = false;

  /** `write` answers for each of its values, in their order. It is given at most `most` at a time. */
  constructor(write: (values: readonly T[]) => Promise<readonly R[]>, most: number) {
    this.#write = write;
    this.#most = most;
  }

  /** Resolves with the answer for this value, or rejects with what ended its write. */
  add(value: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ value, resolve, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    // What this turn of the event loop brings goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#writeOnce(this.#waiting.splice(0, this.#most));
    this.#writing = false;
  }

  async #writeOnce(entries: readonly Entry<T, R>[]): Promise<void> {
    try {
      const results = await this.#write(entries.map((entry) => entry.value));
      entries.forEach((entry, at) => {
        entry.resolve(results[at] as R);
      });
    } catch (error) {
      for (const entry of entries) entry.reject(error);
    }
  }
}
