import type { Database, Transaction } from '@/lib/db/database.ts';
import type { JobTransitions } from './job-transitions.ts';
import { isOver, type JobError, type TrainingJob } from './training-job.ts';
import type { TrainingJobRepository } from './training-job-repository.ts';

const BATCH = 100;
/** Whoever has not looked for so long was away, and could not hear anybody. */
const AWAY_MS = 30_000;

export interface JobReaperParts {
  db: Database;
  jobs: TrainingJobRepository;
  transitions: JobTransitions;
  now?: () => Date;
  /** Since when this process, or another, could hear workers. Default: since the first look. */
  listeningSince?: Date;
}

/**
 * Gives up attempts of which nothing is heard any more, so that no job is stuck. Any number of processes may do so.
 * While nobody listened (a restart, a database that was away) no worker was silent: after it, each has its whole time to
 * speak again.
 */
export class JobReaper {
  readonly #db: Database;
  readonly #jobs: TrainingJobRepository;
  readonly #transitions: JobTransitions;
  readonly #now: () => Date;
  #listeningSince: Date;
  #lookedAt: Date;

  constructor(parts: JobReaperParts) {
    this.#db = parts.db;
    this.#jobs = parts.jobs;
    this.#transitions = parts.transitions;
    this.#now = parts.now ?? (() => new Date());
    this.#listeningSince = parts.listeningSince ?? this.#now();
    this.#lookedAt = this.#now();
  }

  /** Returns the jobs that were given up. */
  async reap(): Promise<TrainingJob[]> {
    const now = this.#now();
    if (now.getTime() - this.#lookedAt.getTime() > AWAY_MS) this.#listeningSince = now;
    const reaped: TrainingJob[] = [];
    for (const id of await this.#jobs.late(this.#listeningSince, BATCH)) {
      const job = await this.#db.transaction((tx) => this.#reapOne(tx, id));
      if (job !== undefined) reaped.push(job);
    }
    this.#lookedAt = this.#now();
    return reaped;
  }

  async #reapOne(tx: Transaction, id: string): Promise<TrainingJob | undefined> {
    const job = await this.#jobs.lock(tx, id);
    const error = job === undefined || isOver(job.state) ? undefined : lateness(job, this.#now().getTime());
    if (job === undefined || error === undefined) return undefined;
    // A run that takes too long would take too long again.
    if (error.code === 'run_timeout') return this.#transitions.move(tx, job, 'failed', { error: { ...error } });
    return this.#transitions.giveUpAttempt(tx, job, error);
  }
}

/** Looked at again under the lock: a worker may have spoken since. */
function lateness(job: TrainingJob, now: number): JobError | undefined {
  const past = (since: Date | null, ms: number | null) => since !== null && ms !== null && now - since.getTime() > ms;
  const stage = job.stage ?? job.state;
  if (past(job.startedAt, job.runTimeoutMs)) {
    return { code: 'run_timeout', message: 'The run took longer than it may.', hint: RUN_HINT, stage };
  }
  if (past(job.heartbeatAt, job.heartbeatTimeoutMs)) {
    return { code: 'worker_silent', message: 'The worker stopped speaking.', hint: SILENT_HINT, stage };
  }
  if (job.heartbeatAt !== null || !past(job.attemptAt, job.startTimeoutMs)) return undefined;
  return { code: 'start_timeout', message: 'No worker spoke up in time.', hint: START_HINT, stage };
}

const RUN_HINT = 'Raise run_timeout_seconds, or train less.';
const SILENT_HINT = 'It was killed, lost its network, or ran out of memory: the last lines of its log may say which.';
const START_HINT = 'Look at the machine in the console of its provider; see that it reaches PUBLIC_URL.';
