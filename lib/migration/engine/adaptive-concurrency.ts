/** Cuts that follow each other faster than this are answers to the same burst. */
const SAME_BURST_MS = 1000;
const FIRST = 8;

/**
 * How many objects may move at a time: more while the stores keep up, half as many as soon as one asks for patience, and
 * none while it named a time to wait. Grows by one with each object until the first refusal, then by one a round.
 */
export class AdaptiveConcurrency {
  readonly #max: number;
  readonly #now: () => number;
  #limit: number;
  #refused = false;
  #cutAtMs = Number.NEGATIVE_INFINITY;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
    this.#limit = Math.min(FIRST, max);
  }

  /** Objects that may be under way now. */
  get limit(): number {
    return this.#now() < this.#pausedUntilMs ? 0 : Math.floor(this.#limit);
  }

  /** For people: what it is when it does not rest. */
  get level(): number {
    return Math.floor(this.#limit);
  }

  /** Time until new objects may begin; 0 when they may. */
  get restMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#now());
  }

  succeeded(): void {
    this.#limit = Math.min(this.#max, this.#limit + (this.#refused ? 1 / this.#limit : 1));
  }

  /** A store asked for patience, or did not answer. */
  refused(retryAfterMs = 0): void {
    const now = this.#now();
    this.#refused = true;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, now + retryAfterMs);
    if (now - this.#cutAtMs < SAME_BURST_MS) return;
    this.#cutAtMs = now;
    this.#limit = Math.max(1, this.#limit / 2);
  }
}
