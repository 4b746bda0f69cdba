import { afterCommit, type Transaction } from '@/lib/db/database.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { withWorkContext } from '@/lib/observability/request-context.ts';
import { type JobClaims, leaseLost, type Pulse } from './claims.ts';
import type { JobContext, JobHandler } from './handler.ts';
import type { ClaimedJob } from './job.ts';
import {
  type Backoff,
  backoffMs,
  failureOf,
  JobStopped,
  PermanentFailure,
  RunLater,
  type StopReason,
} from './outcome.ts';

export interface RunningJobOptions {
  job: ClaimedJob;
  handler: JobHandler;
  leaseMs: number;
  backoff: Backoff;
  claims: JobClaims;
  log: Logger;
  random: () => number;
  /** When the claim was sent, by `performance.now()`: the lease began then at the earliest. */
  claimedAtMs: number;
}

export type Outcome = 'completed' | 'failed' | 'retried' | 'handed_back' | 'cancelled' | 'lost';

/** The handler is stopped when this part of the lease has passed without a heartbeat, before anybody else may start. */
const STOP_AT = 0.9;
const HEARTBEAT_AT = 1 / 3;
const SETTLE_PAUSE_MS = 500;

/** One attempt at a job in this process, from the claim to the last write. */
export class RunningJob {
  readonly #options: RunningJobOptions;
  readonly #abort = new AbortController();
  #leaseTimer: NodeJS.Timeout | undefined;
  #confirmedAtMs = 0;
  #progress: JsonObject | undefined;
  #completed = false;
  #ended = false;

  constructor(options: RunningJobOptions) {
    this.#options = options;
    this.confirm(options.claimedAtMs);
  }

  get job(): ClaimedJob {
    return this.#options.job;
  }

  /** Resolves when nothing more of this attempt will be written. */
  async run(): Promise<Outcome> {
    const { job, handler } = this.#options;
    const context = { requestId: `job-${job.id}`, userId: job.userId ?? undefined };
    try {
      const result = await withWorkContext(context, () => handler(job, this.#context()));
      return await this.#complete(result);
    } catch (error) {
      return await this.#settleFailure(error);
    } finally {
      this.#ended = true;
      clearTimeout(this.#leaseTimer);
    }
  }

  stop(reason: StopReason): void {
    this.#abort.abort(new JobStopped(reason));
  }

  /** The lease held at `atMs` of `performance.now()`, for its whole length. */
  confirm(atMs: number): void {
    if (this.#ended) return;
    this.#confirmedAtMs = atMs;
    clearTimeout(this.#leaseTimer);
    this.#leaseTimer = setTimeout(() => this.stop('lease_lost'), this.#leftMs());
  }

  /** What to tell the database now: progress that is new, or that the job still runs. Undefined: nothing yet. */
  pulse(always: boolean): Pulse | undefined {
    const { job, leaseMs } = this.#options;
    const due = always || performance.now() - this.#confirmedAtMs >= leaseMs * HEARTBEAT_AT;
    const progress = this.#progress;
    if (!due && progress === undefined) return undefined;
    this.#progress = undefined;
    return { id: job.id, owner: job.owner, fence: job.fence, leaseMs, progress };
  }

  #leftMs(): number {
    return Math.max(0, this.#confirmedAtMs + this.#options.leaseMs * STOP_AT - performance.now());
  }

  #context(): JobContext {
    const { job, claims } = this.#options;
    return {
      signal: this.#abort.signal,
      progress: (progress) => {
        this.#progress = progress;
      },
      guard: (tx) => claims.guard(job, tx),
      complete: (tx, result) => this.#completeIn(tx, result),
    };
  }

  async #completeIn(tx: Transaction, result: unknown): Promise<void> {
    const { job, claims } = this.#options;
    if (!(await claims.complete(job, result, tx))) throw leaseLost(job);
    afterCommit(() => {
      this.#completed = true;
    });
  }

  async #complete(result: unknown): Promise<Outcome> {
    const { job, claims } = this.#options;
    if (this.#completed) return 'completed';
    return (await this.#persist(() => claims.complete(job, result))) ? 'completed' : 'lost';
  }

  async #settleFailure(error: unknown): Promise<Outcome> {
    try {
      const [outcome, write] = this.#verdict(error);
      if (outcome === 'lost' || !(await this.#persist(write))) return 'lost';
      this.#report(outcome, error);
      return outcome;
    } catch (fault) {
      this.#options.log.error(
        { job: this.job.id, error: fault },
        `a job's end could not be written: ${messageOf(fault)}`,
      );
      return 'lost';
    }
  }

  /** What an error means, and how that is written. */
  #verdict(error: unknown): [Outcome, () => Promise<boolean>] {
    const { job, claims, backoff, random } = this.#options;
    const stopped: unknown = this.#abort.signal.reason;
    const reason = stopped instanceof JobStopped ? stopped.reason : undefined;
    // A handler that reports completion and throws afterwards has had its effect.
    if (this.#completed) return ['completed', async () => true];
    if (reason === 'lease_lost' || isLeaseLost(error)) return ['lost', async () => false];
    if (reason === 'cancelled') return ['cancelled', () => claims.settleCancelled(job)];
    if (reason === 'shutdown') return ['handed_back', () => claims.handBack(job)];
    if (error instanceof RunLater) return ['handed_back', () => claims.handBack(job, error.delayMs)];
    const failure = failureOf(error);
    if (error instanceof PermanentFailure || job.attempt >= job.maxAttempts) {
      return ['failed', () => claims.fail(job, failure, undefined)];
    }
    return ['retried', () => claims.fail(job, failure, backoffMs(job.attempt, backoff, random))];
  }

  /** Writes the end of the attempt, patiently: a database that restarts must not make finished work be done again. */
  async #persist(write: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        const temporary = error instanceof LongshoreError && error.code === 'database_unavailable';
        if (!temporary || this.#leftMs() <= SETTLE_PAUSE_MS) throw error;
        await new Promise((resolve) => setTimeout(resolve, SETTLE_PAUSE_MS));
      }
    }
  }

  #report(outcome: Outcome, error: unknown): void {
    if (outcome !== 'failed' && outcome !== 'retried') return;
    const { job, log } = this.#options;
    const fields = { job: job.id, type: job.type, attempt: job.attempt, of: job.maxAttempts, error };
    if (outcome === 'failed') log.error(fields, `job failed: ${messageOf(error)}`);
    else log.warn(fields, `job attempt failed: ${messageOf(error)}`);
  }
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof LongshoreError && error.code === 'lease_lost';
}
