import { setTimeout as delay } from 'node:timers/promises';

export interface Bandwidth {
  /** From the clients to the server. Undefined: as fast as it goes. */
  upBytesPerSecond?: number;
  downBytesPerSecond?: number;
}

export interface ThrottleClock {
  /** Milliseconds. */
  now: () => number;
  /** Rejects when the signal fires. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const REAL_CLOCK: ThrottleClock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => await delay(ms, undefined, { signal }),
};

/** One bandwidth for all connections of a server. May be changed at any time, also during transfers. */
export class Throttle {
  readonly #clock: ThrottleClock;
  #bandwidth: Bandwidth = {};
  #freeAt = { up: 0, down: 0 };

  constructor(clock: ThrottleClock = REAL_CLOCK) {
    this.#clock = clock;
  }

  get bandwidth(): Bandwidth {
    return this.#bandwidth;
  }

  set(bandwidth: Bandwidth): void {
    this.#bandwidth = { ...bandwidth };
    this.#freeAt = { up: 0, down: 0 };
  }

  async up(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#pass('up', this.#bandwidth.upBytesPerSecond, bytes, signal);
  }

  async down(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#pass('down', this.#bandwidth.downBytesPerSecond, bytes, signal);
  }

  /** Bytes queue up behind those of all other connections. */
  async #pass(way: 'up' | 'down', rate: number | undefined, bytes: number, signal: AbortSignal): Promise<void> {
    if (rate === undefined) return;
    const now = this.#clock.now();
    this.#freeAt[way] = Math.max(now, this.#freeAt[way]) + (bytes / rate) * 1000;
    await this.#clock.sleep(this.#freeAt[way] - now, signal);
  }
}
