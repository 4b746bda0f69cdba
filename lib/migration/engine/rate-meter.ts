/** Rates look back about so far. */
const WINDOW_MS = 10_000;

/** Bytes and objects a second of the last seconds, asked about once a second. */
export class RateMeter {
  readonly #now: () => number;
  #bytes = 0;
  #items = 0;
  #samples: { atMs: number; bytes: number; items: number }[];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#samples = [{ atMs: now(), bytes: 0, items: 0 }];
  }

  addBytes(count: number): void {
    this.#bytes += count;
  }

  addItem(): void {
    this.#items += 1;
  }

  rates(): { bytesPerSecond: number; itemsPerSecond: number } {
    const atMs = this.#now();
    this.#samples.push({ atMs, bytes: this.#bytes, items: this.#items });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0] ?? { atMs, bytes: 0, items: 0 };
    const seconds = Math.max(0.001, (atMs - first.atMs) / 1000);
    return {
      bytesPerSecond: (this.#bytes - first.bytes) / seconds,
      itemsPerSecond: (this.#items - first.items) / seconds,
    };
  }
}
