import { and, eq, type SQL, sql } from 'drizzle-orm';
import { parseInstant } from '@/lib/db/column-types.ts';
import type { Database, Executor, Transaction } from '@/lib/db/database.ts';
import { type JsonObject, jobs } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type Claim, type ClaimedJob, type JobFailure, milliseconds } from './job.ts';

/** How many jobs of a type one claim may take, and for how long. */
export interface ClaimRequest {
  type: string;
  limit: number;
  leaseMs: number;
  /** Overrides what the job was enqueued with. */
  maxAttempts?: number;
}

/** A sign of life of one running job. */
export interface Pulse extends Claim {
  /** The lease runs this long from now. */
  leaseMs: number;
  /** Undefined: nothing new. */
  progress?: JsonObject;
}

export type Held = 'held' | 'cancel_requested';

/**
 * What a runner does with jobs. Every write names the claim's owner and fence and changes nothing when somebody else took
 * the job over; it then answers false. All times are the database's.
 */
export class JobClaims {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Takes due jobs, most urgent first, each for exactly one caller. Never waits for another process. */
  async claim(requests: readonly ClaimRequest[], owner: string): Promise<ClaimedJob[]> {
    const wanted = requests.filter((request) => request.limit > 0);
    if (wanted.length === 0) return [];
    const { rows } = await this.#database.execute<ClaimedRow>(sql`
      with wanted as (
        select * from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb)
          as w (type text, "limit" integer, "leaseMs" integer, "maxAttempts" integer)
      ), due as materialized (
        select found.id, w."leaseMs", w."maxAttempts" from wanted w cross join lateral (
          select j.id from longshore.jobs j
          where j.state = 'queued' and j.type = w.type and j.run_at <= now()
          order by j.priority desc, j.run_at, j.id limit w."limit" for update skip locked
        ) found
      )
      update longshore.jobs j set
        state = 'running', fence = j.fence + 1, attempts = j.attempts + 1, run_again = false,
        max_attempts = coalesce(due."maxAttempts", j.max_attempts),
        lease_owner = ${owner}, lease_until = now() + due."leaseMs" * interval '1 millisecond', updated_at = now()
      from due where j.id = due.id
      returning j.id, j.type, j.payload, j.user_id, j.attempts, j.max_attempts, j.fence, j.progress, j.created_at`);
    return rows.map((row) => toClaimedJob(row, owner));
  }

  /** Extends leases and shows progress. A claim that the answer does not name is lost: it may run elsewhere already. */
  async heartbeat(pulses: readonly Pulse[]): Promise<Map<string, Held>> {
    if (pulses.length === 0) return new Map();
    const { rows } = await this.#database.execute<{ id: string; cancel_requested: boolean }>(sql`
      update longshore.jobs j set
        lease_until = now() + p."leaseMs" * interval '1 millisecond', progress = coalesce(p.progress, j.progress)
      from jsonb_to_recordset(${JSON.stringify(pulses)}::jsonb)
        as p (id text, owner text, fence integer, "leaseMs" integer, progress jsonb)
      where j.id = p.id and j.state = 'running' and j.lease_owner = p.owner and j.fence = p.fence
      returning j.id, j.cancel_requested`);
    return new Map(rows.map((row) => [row.id, row.cancel_requested ? 'cancel_requested' : 'held']));
  }

  /** Locks the job's row until the end of the transaction. Throws `lease_lost` unless the claim still holds. */
  async guard(claim: Claim, tx: Transaction): Promise<void> {
    const held = await tx.select({ id: jobs.id }).from(jobs).where(isHeldBy(claim)).for('update');
    if (held.length === 0) throw leaseLost(claim);
  }

  /**
   * Ends the job. In the transaction of the work itself, effect and completion are one: neither a crash nor a second
   * runner can make the effect happen twice.
   */
  async complete(claim: Claim, result: unknown, executor: Executor = this.#database): Promise<boolean> {
    return this.#write(claim, { ...ended('completed'), result: result ?? null, error: null }, executor);
  }

  /** Records a failure and queues the job again after `retryInMs`; for good when that is undefined. */
  async fail(claim: Claim, failure: JobFailure, retryInMs: number | undefined): Promise<boolean> {
    const next = retryInMs === undefined ? ended('failed') : queued(retryInMs);
    return this.#write(claim, { ...next, error: failure });
  }

  /** Queues the job again, after `delayMs`, as if this attempt had not been: the runner stops, or the job asked for it. */
  async handBack(claim: Claim, delayMs = 0): Promise<boolean> {
    return this.#write(claim, { ...queued(delayMs), attempts: sql`${jobs.attempts} - 1` });
  }

  /** Ends a job whose handler has stopped because it was asked to. */
  async settleCancelled(claim: Claim): Promise<boolean> {
    return this.#write(claim, ended('cancelled'));
  }

  /**
   * Frees the jobs whose runner has not been heard of for a whole lease: queued again, or failed when that was the last
   * attempt (a job that kills its process must not do so for ever), or cancelled when that was wanted.
   */
  async takeOverExpired(): Promise<{ id: string; type: string; state: string }[]> {
    const lost: JobFailure = {
      code: 'lease_expired',
      message: 'The process that ran this job ended or hung.',
      hint: 'The log of that process says why.',
    };
    const { rows } = await this.#database.execute<{ id: string; type: string; state: string }>(sql`
      with lapsed as materialized (
        select id, case when run_again then 'queued' when cancel_requested then 'cancelled'
                        when attempts >= max_attempts then 'failed' else 'queued' end as next
        from longshore.jobs where state = 'running' and lease_until < now() for update skip locked
      )
      update longshore.jobs j set
        state = lapsed.next, lease_owner = null, lease_until = null, run_at = now(), updated_at = now(),
        attempts = case when j.run_again then 0 else j.attempts end,
        cancel_requested = j.cancel_requested and not j.run_again, run_again = false,
        finished_at = case when lapsed.next <> 'queued' then now() end,
        error = ${JSON.stringify(lost)}::jsonb
      from lapsed where j.id = lapsed.id
      returning j.id, j.type, j.state`);
    return rows;
  }

  async #write(claim: Claim, change: JobChange, executor: Executor = this.#database): Promise<boolean> {
    const rows = await executor
      .update(jobs)
      .set({ ...change, updatedAt: sql`now()` })
      .where(isHeldBy(claim))
      .returning({ id: jobs.id });
    return rows.length > 0;
  }
}

type JobChange = { [column in keyof typeof jobs.$inferInsert]?: (typeof jobs.$inferInsert)[column] | SQL };

const RELEASED = { leaseOwner: null, leaseUntil: null } satisfies JobChange;

/** Waits again, unless it was to be cancelled meanwhile and nobody has asked for it since. */
function queued(delayMs: number): JobChange {
  const cancelled = sql`${jobs.cancelRequested} and not ${jobs.runAgain}`;
  return {
    ...RELEASED,
    state: sql`case when ${cancelled} then 'cancelled' else 'queued' end`,
    finishedAt: sql`case when ${cancelled} then now() end`,
    cancelRequested: cancelled,
    runAt: sql`now() + ${milliseconds(delayMs)}`,
    runAgain: false,
  };
}

/**
 * Ended, unless it was asked for once more while it was running: then it starts afresh. A wish to cancel from before that
 * was meant for the run that ends here (`cancel` itself takes back what was asked for until then).
 */
function ended(state: 'completed' | 'failed' | 'cancelled'): JobChange {
  return {
    ...RELEASED,
    state: sql`case when ${jobs.runAgain} then 'queued' else ${state} end`,
    finishedAt: sql`case when ${jobs.runAgain} then null else now() end`,
    attempts: sql`case when ${jobs.runAgain} then 0 else ${jobs.attempts} end`,
    runAt: sql`case when ${jobs.runAgain} then now() else ${jobs.runAt} end`,
    cancelRequested: sql`case when ${jobs.runAgain} then false else ${jobs.cancelRequested} end`,
    runAgain: false,
  };
}

function isHeldBy(claim: Claim): SQL | undefined {
  return and(
    eq(jobs.id, claim.id),
    eq(jobs.state, 'running'),
    eq(jobs.leaseOwner, claim.owner),
    eq(jobs.fence, claim.fence),
  );
}

interface ClaimedRow extends Record<string, unknown> {
  id: string;
  type: string;
  payload: JsonObject;
  user_id: string | null;
  attempts: number;
  max_attempts: number;
  fence: number;
  progress: JsonObject | null;
  created_at: string;
}

function toClaimedJob(row: ClaimedRow, owner: string): ClaimedJob {
  return {
    id: row.id,
    owner,
    fence: row.fence,
    type: row.type,
    payload: row.payload,
    userId: row.user_id,
    attempt: row.attempts,
    maxAttempts: row.max_attempts,
    progress: row.progress,
    createdAt: parseInstant(row.created_at),
  };
}

export function leaseLost(claim: Claim): LongshoreError {
  return new LongshoreError('lease_lost', `Another runner has taken job ${claim.id} over.`, {
    hint: 'Nothing to do: that runner finishes the work.',
    details: { job: claim.id },
  });
}
