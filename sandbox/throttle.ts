import { setTimeout as sleep } from 'node:timers/promises';

export interface Bandwidth {
  /** From the clients to the server. Undefined: as fast as it goes. */
  upBytesPerSecond?: number;
  downBytesPerSecond?: number;
}

/** One bandwidth for all connections of a server. May be changed at any time, also during transfers. */
export class Throttle {
  #bandwidth: Bandwidth = {};
  #upFreeAt = 0;
  #downFreeAt = 0;

  get bandwidth(): Bandwidth {
    return this.#bandwidth;
  }

  set(bandwidth: Bandwidth): void {
    this.#bandwidth = { ...bandwidth };
    this.#upFreeAt = 0;
    this.#downFreeAt = 0;
  }

  async up(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = this.#bandwidth.upBytesPerSecond;
    if (rate === undefined) return;
    this.#upFreeAt = Math.max(performance.now(), this.#upFreeAt) + (bytes / rate) * 1000;
    await sleep(this.#upFreeAt - performance.now(), undefined, { signal });
  }

  async down(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = this.#bandwidth.downBytesPerSecond;
    if (rate === undefined) return;
    this.#downFreeAt = Math.max(performance.now(), this.#downFreeAt) + (bytes / rate) * 1000;
    await sleep(this.#downFreeAt - performance.now(), undefined, { signal });
  }
}
