import { type InferSelectModel, type SQL, sql } from 'drizzle-orm';
import type { JsonObject, jobs } from '@/lib/db/schema.ts';

/** A row of the queue. */
export type Job = InferSelectModel<typeof jobs>;

export interface NewJob {
  /** Which handler runs it, e.g. `replica.verify`. */
  type: string;
  /** What the handler needs: ids, never secrets or signed URLs. */
  payload?: JsonObject;
  /** Whose job it is, where a user may see it. */
  userId?: string;
  /**
   * At most one open job carries this key. Asking again for one that waits changes nothing; asking again for one that is
   * running makes it run once more afterwards, because it may have read what has changed since (see `whileRunning`).
   */
  dedupeKey?: string;
  /** Default `run_again`. `skip`: a run that is under way is as good. */
  whileRunning?: 'run_again' | 'skip';
  /** Higher goes first. Default 0. */
  priority?: number;
  /** Not before then. Default: now. */
  delayMs?: number;
  maxAttempts?: number;
}

/** The right to run a job, for a time. Every write of it names owner and fence, so a lost claim changes nothing. */
export interface Claim {
  readonly id: string;
  readonly owner: string;
  readonly fence: number;
}

export interface ClaimedJob extends Claim {
  readonly type: string;
  readonly payload: JsonObject;
  readonly userId: string | null;
  /** 1 at the first run. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** What an earlier attempt last reported. */
  readonly progress: JsonObject | null;
  readonly createdAt: Date;
}

/** What is kept of a failure. Holds no secret. */
export interface JobFailure extends JsonObject {
  code: string;
  message: string;
  hint: string | null;
}

/** A span of time for the database's own clock: several processes' clocks need not agree. */
export function milliseconds(value: number): SQL {
  return sql`${Math.round(value)}::float8 * interval '1 millisecond'`;
}
