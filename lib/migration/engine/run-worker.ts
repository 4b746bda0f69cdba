import { RunSession, type SessionParts } from '@/lib/migration/engine/run-session.ts';
import type { MigrationRun } from '@/lib/migration/types.ts';

/** Works on runs. Any number of processes may do so on one database, also from different machines. */
export class RunWorker {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /**
   * Works on a run until it is over, paused, or `signal` aborts: then everything that was begun is handed over. `owner`
   * MUST differ between any two calls that run at once.
   */
  async work(runId: string, owner: string, signal: AbortSignal): Promise<MigrationRun> {
    for (;;) {
      const run = await this.#parts.runs.get(runId);
      if (signal.aborted || (run.state !== 'running' && run.state !== 'cancelling')) return run;
      const session = new RunSession(this.#parts, run, owner, signal);
      const over = await session.work(run.state, signal);
      if (over) await this.#finish(run);
    }
  }

  async #finish(run: MigrationRun): Promise<void> {
    const ended = await this.#parts.runs.move(run.id, run.state === 'running' ? 'completed' : 'cancelled');
    if (ended === undefined) return;
    this.#parts.log.info({ run: run.id, state: ended.state }, 'migration run ended');
    this.#parts.notify(ended, 'updated');
  }
}
