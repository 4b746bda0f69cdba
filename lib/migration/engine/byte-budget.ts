/**
 * Bytes that may be held in memory at a time, handed out in the order of asking. A request larger than the whole budget
 * gets all of it, alone.
 */
export class ByteBudget {
  readonly #total: number;
  #free: number;
  readonly #waiting: { bytes: number; grant: () => void }[] = [];

  constructor(totalBytes: number) {
    this.#total = totalBytes;
    this.#free = totalBytes;
  }

  /** Resolves with the function that gives the bytes back; calling it again does nothing. Rejects when `signal` aborts. */
  acquire(wantedBytes: number, signal?: AbortSignal): Promise<() => void> {
    const bytes = Math.min(wantedBytes, this.#total);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.length === 0 && bytes <= this.#free) return Promise.resolve(this.#take(bytes));
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        this.#serve();
        reject(signal?.reason);
      };
      const grant = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(this.#take(bytes));
      };
      const waiter = { bytes, grant };
      this.#waiting.push(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #take(bytes: number): () => void {
    this.#free -= bytes;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#free += bytes;
      this.#serve();
    };
  }

  #serve(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || next.bytes > this.#free) return;
      this.#waiting.shift();
      next.grant();
    }
  }
}
