import { messageOf } from '@/lib/errors.ts';
import type { Logger } from '@/lib/observability/logger.ts';

export interface LoopOptions {
  name: string;
  everyMs: number;
  /** Resolves to true when there is more to do at once. */
  work: () => Promise<boolean>;
  log: Logger;
}

const LONGEST_PAUSE_MS = 30_000;

/** Does its work now and then, never twice at a time, and goes on after errors with growing pauses. */
export class Loop {
  readonly #options: LoopOptions;
  #stopped = false;
  #awake = false;
  #interrupt: () => void = () => undefined;
  #ended: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Does the work soon: now, or again when it is under way. */
  wake(): void {
    this.#awake = true;
    this.#interrupt();
  }

  /** Resolves when the work that is under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#interrupt();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#awake = false;
      const more = await this.#attempt();
      if (!more && !this.#awake && !this.#stopped) await this.#pause();
    }
  }

  async #attempt(): Promise<boolean> {
    try {
      const more = await this.#options.work();
      this.#failures = 0;
      return more;
    } catch (error) {
      this.#failures += 1;
      this.#options.log.warn({ loop: this.#options.name, error }, `jobs: ${messageOf(error)}`);
      return false;
    }
  }

  /** After an error a call to wake does not shorten the pause: the database needs it. */
  async #pause(): Promise<void> {
    const { everyMs } = this.#options;
    const ms = this.#failures === 0 ? everyMs : Math.min(everyMs * 2 ** this.#failures, LONGEST_PAUSE_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#interrupt = () => {
        if (this.#failures > 0 && !this.#stopped) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
