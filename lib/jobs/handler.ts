import type { Transaction } from '@/lib/db/database.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { ClaimedJob } from './job.ts';
import type { Backoff } from './outcome.ts';

export interface JobContext {
  /** Aborted, with a JobStopped as reason, when the job is cancelled, its lease is lost, or the process stops. */
  readonly signal: AbortSignal;
  /** Shows how far the job is, and gives it to the next attempt. Cheap: written about once a second. */
  progress(progress: JsonObject): void;
  /** Inside a transaction: locks the job and throws `lease_lost` unless this attempt may still write. */
  guard(tx: Transaction): Promise<void>;
  /**
   * Ends the job in the transaction of its effect, so that the effect happens once. Throws `lease_lost` when it may not.
   * The handler MUST return after it; what it returns is ignored.
   */
  complete(tx: Transaction, result?: unknown): Promise<void>;
}

/**
 * Does the work of one job. May run again after a crash, on another machine: effects belong in a transaction with
 * `guard` or `complete`, or must be harmless when repeated. MUST settle soon after the signal is aborted.
 *
 * Returns what the job keeps as its result, as JSON. Throws to fail: again after a backoff, for good (PermanentFailure),
 * or later without counting (RunLater).
 */
export type JobHandler = (job: ClaimedJob, context: JobContext) => Promise<unknown>;

export interface HandlerOptions {
  /** Jobs of this type at a time in this process. Default 1. */
  concurrency?: number;
  /** Overrides what the job was enqueued with. */
  maxAttempts?: number;
  /** How long after its last sign of life another process may take the job. Default 30,000. */
  leaseMs?: number;
  backoff?: Partial<Backoff>;
}
