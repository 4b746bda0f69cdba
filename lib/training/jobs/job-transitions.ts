import { sql } from 'drizzle-orm';
import { afterCommit, type Transaction } from '@/lib/db/database.ts';
import type { RemoteEnder } from './remote-resources.ts';
import { isOver, type JobError, mayMove, type TrainingJob, type TrainingJobState, wrongState } from './training-job.ts';
import type { TrainingJobChange, TrainingJobRepository } from './training-job-repository.ts';

/** Told after a job changed, in this process: pages and followers look again. */
export type JobListener = (job: Pick<TrainingJob, 'id' | 'userId' | 'state'>) => void;

/** The one way in which a job changes its state: checked, told as an event, with what follows from it. */
export class JobTransitions {
  readonly #jobs: TrainingJobRepository;
  readonly #remotes: RemoteEnder;
  readonly #changed: JobListener;

  constructor(parts: { jobs: TrainingJobRepository; remotes: RemoteEnder; changed: JobListener }) {
    this.#jobs = parts.jobs;
    this.#remotes = parts.remotes;
    this.#changed = parts.changed;
  }

  /**
   * Moves a job that the caller's transaction has locked. What a provider rents out for it is ended when the attempt is.
   * @throws job_state_conflict
   */
  async move(
    tx: Transaction,
    job: TrainingJob,
    to: TrainingJobState,
    change: TrainingJobChange = {},
  ): Promise<TrainingJob> {
    if (!mayMove(job.state, to)) throw wrongState(job, to);
    const moved = await this.#jobs.update(tx, job.id, { state: to, ...timesOf(job, to), ...change });
    if (to !== job.state || to === 'pending') {
      const data = { from: job.state, to, error: moved.error, claimed_by: moved.claimedBy };
      await this.#jobs.append(tx, moved, [{ kind: 'state', data }]);
    }
    if (isOver(to) || to === 'pending') await this.#remotes.queue(tx, job, job.remote);
    this.announce(moved);
    return moved;
  }

  /** Another attempt where one is left, else the end. MUST be called under the lock of the row. */
  async giveUpAttempt(tx: Transaction, job: TrainingJob, error: JobError): Promise<TrainingJob> {
    if (job.attempt >= job.maxAttempts) return this.move(tx, job, 'failed', { error: { ...error } });
    return this.restart(tx, job, { error: { ...error } });
  }

  /** A new attempt: the tokens of the one before open nothing any more. */
  async restart(tx: Transaction, job: TrainingJob, change: TrainingJobChange): Promise<TrainingJob> {
    return this.move(tx, job, 'pending', {
      attempt: job.attempt + 1,
      attemptAt: sql`now()`,
      ...FRESH,
      ...change,
    });
  }

  announce(job: TrainingJob): void {
    afterCommit(() => this.#changed(job));
  }
}

/** What belongs to one attempt. */
const FRESH = {
  stage: null,
  progress: null,
  remote: null,
  claimedBy: null,
  shards: {},
  reportSeqs: {},
  startedAt: null,
  heartbeatAt: null,
  finishedAt: null,
} as const;

function timesOf(job: TrainingJob, to: TrainingJobState): TrainingJobChange {
  if (isOver(to)) return { finishedAt: sql`now()` };
  const begins = (to === 'fetching' || to === 'running') && job.startedAt === null;
  return begins ? { startedAt: sql`now()` } : {};
}
