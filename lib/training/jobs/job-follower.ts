import type { TrainingEventKind, TrainingJob } from './training-job.ts';
import { isOver } from './training-job.ts';
import type { TrainingJobEvent, TrainingJobRepository } from './training-job-repository.ts';

export interface FollowOptions {
  /** Events with ids above this. */
  after: number;
  kinds?: readonly TrainingEventKind[];
  signal: AbortSignal;
}

/** How long a follower believes that nothing new was said, where another process takes the reports in. */
const LOOK_MS = 1_000;
const PAGE = 200;
/** A sign of life to the reader after so many looks without news. */
const QUIET_LOOKS = 15;

/**
 * Follows what jobs say by their table, so that it makes no difference which process took it in, and that a reader who
 * comes back with the last id it saw has missed nothing.
 */
export class JobFollower {
  readonly #jobs: TrainingJobRepository;
  readonly #lookMs: number;
  readonly #waiting = new Map<string, Set<() => void>>();
  #closed = false;

  constructor(jobs: TrainingJobRepository, lookMs = LOOK_MS) {
    this.#jobs = jobs;
    this.#lookMs = lookMs;
  }

  /** Something changed in this process: followers of the job look at once. */
  wake(jobId: string): void {
    for (const wake of [...(this.#waiting.get(jobId) ?? [])]) wake();
  }

  /** Ends all following. */
  close(): void {
    this.#closed = true;
    for (const id of [...this.#waiting.keys()]) this.wake(id);
  }

  /** What was said and is being said; `quiet` now and then; ends after the last word of a job that is over. */
  async *follow(job: TrainingJob, options: FollowOptions): AsyncGenerator<TrainingJobEvent | 'quiet'> {
    let { after } = options;
    let looks = 0;
    while (!options.signal.aborted && !this.#closed) {
      // The state is read first: once it is over nothing more is said, so the page that follows is the last.
      const over = await this.#isOver(job.id);
      const page = await this.#jobs.events(job.id, { after, limit: PAGE, kinds: options.kinds });
      yield* page;
      after = page.at(-1)?.id ?? after;
      if (page.length === PAGE) continue;
      if (over) return;
      looks = page.length > 0 ? 0 : looks + 1;
      if (looks > 0 && looks % QUIET_LOOKS === 0) yield 'quiet';
      await this.#pause(job.id, options.signal);
    }
  }

  async #isOver(id: string): Promise<boolean> {
    const now = await this.#jobs.find(id);
    return now === undefined || isOver(now.state);
  }

  #pause(jobId: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed) return Promise.resolve();
    const waiting = this.#waiting.get(jobId) ?? new Set();
    this.#waiting.set(jobId, waiting);
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(jobId);
        resolve();
      };
      const timer = setTimeout(wake, this.#lookMs);
      signal.addEventListener('abort', wake);
      waiting.add(wake);
    });
  }
}
