import type { Database, Transaction } from '@/lib/db/database.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import type { RemoteResource, TrainingJob } from './training-job.ts';
import type { TrainingJobRepository } from './training-job-repository.ts';

/** Ends what a provider rents out for a job. */
export interface RemoteResources {
  /**
   * Ends `job.remote`. MUST be idempotent: it is called until it resolves, and a resource that is gone is a success.
   * Throws when the provider does not answer or refuses.
   */
  end(job: TrainingJob): Promise<void>;
}

export const TRAINING_JOBS = {
  /** Ends the remote resource of a job, again and again until the provider says that it is gone. */
  endRemote: 'end_training_resource',
  /** Drops what jobs said that ended long ago. */
  purgeLogs: 'purge_training_logs',
} as const;

/** Two days of trying every ten minutes: a machine that is forgotten costs money for ever. */
const END_ATTEMPTS = 300;

/** Sees to it that no remote resource outlives its job: queued with the transaction that ends the attempt. */
export class RemoteEnder {
  readonly #db: Database;
  readonly #jobs: TrainingJobRepository;
  readonly #queue: Pick<JobQueue, 'enqueue'>;
  readonly #resources: RemoteResources;

  constructor(parts: {
    db: Database;
    jobs: TrainingJobRepository;
    queue: Pick<JobQueue, 'enqueue'>;
    resources: RemoteResources;
  }) {
    this.#db = parts.db;
    this.#jobs = parts.jobs;
    this.#queue = parts.queue;
    this.#resources = parts.resources;
  }

  /** Queues the end of what the job holds, in the caller's transaction. The resource travels along: the row may move on. */
  async queue(tx: Transaction, job: Pick<TrainingJob, 'id' | 'userId' | 'attempt'>, remote: RemoteResource | null) {
    if (remote === null || remote.state === 'ended') return;
    const type = TRAINING_JOBS.endRemote;
    const payload = { training_job_id: job.id, remote };
    const dedupeKey = `${type}:${job.id}:${remote.id ?? `attempt-${job.attempt}`}`;
    await this.#queue.enqueue({ type, payload, userId: job.userId, dedupeKey, maxAttempts: END_ATTEMPTS }, tx);
  }

  /** The handler of the queued job. Throws while the resource may still be there. */
  async end(payload: { training_job_id?: unknown; remote?: unknown }): Promise<void> {
    const job = await this.#jobs.find(String(payload.training_job_id));
    if (job === undefined) return;
    const remote = payload.remote as RemoteResource;
    await this.#resources.end({ ...job, remote });
    await this.#db.transaction(async (tx) => {
      const now = await this.#jobs.lock(tx, job.id);
      if (now?.remote?.id !== remote.id || now?.remote?.provider !== remote.provider) return;
      await this.#jobs.update(tx, job.id, { remote: { ...now.remote, state: 'ended' } });
    });
  }
}
