/** Samples older than this say nothing of now. */
const WINDOW_MS = 6000;

/** How quickly bytes leave, over the last seconds. */
export class Rate {
  readonly #now: () => number;
  #samples: { at: number; sent: number }[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Bytes a second; 0 until it is known. */
  add(sent: number): number {
    const at = this.#now();
    this.#samples = [...this.#samples.filter((sample) => at - sample.at < WINDOW_MS), { at, sent }];
    const first = this.#samples[0];
    if (first === undefined || at - first.at < 200) return 0;
    return Math.max(0, ((sent - first.sent) / (at - first.at)) * 1000);
  }

  /** After a pause: what was before does not count. */
  reset(): void {
    this.#samples = [];
  }
}
