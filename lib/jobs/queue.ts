import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { afterCommit, type Database, type Executor } from '@/lib/db/database.ts';
import { type IdGenerator, newId } from '@/lib/db/ids.ts';
import { type JobState, jobs } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type Job, milliseconds, type NewJob } from './job.ts';

export interface JobFilter {
  type?: string;
  states?: readonly JobState[];
  userId?: string;
  /** Ids below this: the last one of the page before. */
  before?: string;
  /** 1 to 500, default 50. */
  limit?: number;
}

export interface Retention {
  completedMs: number;
  /** Failed and cancelled jobs. */
  failedMs: number;
}

export type QueueChange = 'enqueued' | 'cancel_requested';

const OPEN = ['queued', 'running'] as const satisfies JobState[];
/** One sweep removes at most this many, so that it never holds anybody up. */
const SWEEP_ROWS = 1000;

/** The face of the job table for everybody who wants work done. Runners use JobClaims. */
export class JobQueue {
  readonly #database: Database;
  readonly #newId: IdGenerator;
  readonly #listeners = new Set<(change: QueueChange) => void>();

  constructor(database: Database, makeId: IdGenerator = newId) {
    this.#database = database;
    this.#newId = makeId;
  }

  /** Tells what this process changed, after it is committed. Other processes see it when they look next. */
  onChange(listener: (change: QueueChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Adds a job, in the caller's transaction when one is given: then the job exists exactly if the rest does.
   * `created` is false when an open job with the same dedupe key stands for it; `id` is that one's.
   */
  async enqueue(job: NewJob, executor: Executor = this.#database): Promise<{ id: string; created: boolean }> {
    const [row] = await executor
      .insert(jobs)
      .values(this.#rowOf(job))
      .onConflictDoUpdate({
        target: jobs.dedupeKey,
        targetWhere: sql`state in ('queued', 'running')`,
        set: {
          runAgain: job.whileRunning === 'skip' ? jobs.runAgain : sql`${jobs.runAgain} or ${jobs.state} = 'running'`,
          priority: sql`greatest(${jobs.priority}, excluded.priority)`,
          // A job that failed waits out its backoff: asking again is no reason to hurry.
          runAt: sql`case when ${jobs.state} = 'queued' and ${jobs.attempts} = 0
                     then least(${jobs.runAt}, excluded.run_at) else ${jobs.runAt} end`,
        },
      })
      .returning({ id: jobs.id, created: sql<boolean>`xmax = 0` });
    if (!row) throw new LongshoreError('job_not_enqueued', `The ${job.type} job was not written.`);
    this.#announce('enqueued');
    return row;
  }

  /** Open jobs with these dedupe keys that wait, for their time or after a failure, are tried now. Returns how many. */
  async hurry(dedupeKeys: readonly string[]): Promise<number> {
    const hurried = await this.#database
      .update(jobs)
      .set({ runAt: sql`now()`, updatedAt: sql`now()` })
      .where(and(inArray(jobs.dedupeKey, [...dedupeKeys]), eq(jobs.state, 'queued'), sql`${jobs.runAt} > now()`))
      .returning({ id: jobs.id });
    if (hurried.length > 0) this.#announce('enqueued');
    return hurried.length;
  }

  #rowOf(job: NewJob) {
    return {
      id: this.#newId(),
      type: job.type,
      payload: job.payload ?? {},
      userId: job.userId ?? null,
      dedupeKey: job.dedupeKey ?? null,
      priority: job.priority ?? 0,
      runAt: sql`now() + ${milliseconds(job.delayMs ?? 0)}`,
      maxAttempts: job.maxAttempts ?? 10,
    };
  }

  #announce(change: QueueChange): void {
    afterCommit(() => {
      for (const listener of this.#listeners) listener(change);
    });
  }

  async get(id: string, executor: Executor = this.#database): Promise<Job | undefined> {
    const [job] = await executor.select().from(jobs).where(eq(jobs.id, id));
    return job;
  }

  /** Newest first. */
  async list(filter: JobFilter = {}): Promise<Job[]> {
    const conditions: (SQL | undefined)[] = [
      filter.type === undefined ? undefined : eq(jobs.type, filter.type),
      filter.states === undefined ? undefined : inArray(jobs.state, [...filter.states]),
      filter.userId === undefined ? undefined : eq(jobs.userId, filter.userId),
      filter.before === undefined ? undefined : lt(jobs.id, filter.before),
    ];
    const limit = Math.min(Math.max(filter.limit ?? 50, 1), 500);
    return this.#database
      .select()
      .from(jobs)
      .where(and(...conditions))
      .orderBy(desc(jobs.id))
      .limit(limit);
  }

  /** How many jobs of each type are in each state. */
  async counts(): Promise<{ type: string; state: JobState; count: number }[]> {
    const count = sql<number>`count(*)::integer`;
    return this.#database
      .select({ type: jobs.type, state: jobs.state, count })
      .from(jobs)
      .groupBy(jobs.type, jobs.state);
  }

  /** A waiting job ends at once, a running one is told through its signal. The state after it; undefined: no such job. */
  async cancel(id: string, executor: Executor = this.#database): Promise<JobState | undefined> {
    const [row] = await executor
      .update(jobs)
      .set({
        state: sql`case when ${jobs.state} = 'queued' then 'cancelled' else ${jobs.state} end`,
        finishedAt: sql`case when ${jobs.state} = 'queued' then now() end`,
        cancelRequested: true,
        runAgain: false,
        updatedAt: sql`now()`,
      })
      .where(and(eq(jobs.id, id), inArray(jobs.state, OPEN)))
      .returning({ state: jobs.state });
    if (row?.state === 'running') this.#announce('cancel_requested');
    return row?.state ?? (await this.get(id, executor))?.state;
  }

  /**
   * Queues a failed or cancelled job again, with all its attempts. False when it is in another state, or when another
   * job with its dedupe key is open already.
   */
  async retry(id: string): Promise<boolean> {
    const dedupe = sql`not exists (select 1 from longshore.jobs open where open.dedupe_key = ${jobs.dedupeKey}
      and open.state in ('queued', 'running'))`;
    const rows = await this.#database
      .update(jobs)
      .set({ state: 'queued', attempts: 0, cancelRequested: false, finishedAt: null, error: null, runAt: sql`now()` })
      .where(and(eq(jobs.id, id), inArray(jobs.state, ['failed', 'cancelled']), dedupe))
      .returning({ id: jobs.id });
    if (rows.length > 0) this.#announce('enqueued');
    return rows.length > 0;
  }

  /** Forgets jobs that ended long enough ago. Returns how many. */
  async removeFinished(retention: Retention): Promise<number> {
    const { rowCount } = await this.#database.execute(sql`
      delete from longshore.jobs where id in (
        select id from longshore.jobs where finished_at < now() - case state
          when 'completed' then ${milliseconds(retention.completedMs)} else ${milliseconds(retention.failedMs)} end
        order by finished_at limit ${SWEEP_ROWS} for update skip locked)`);
    return rowCount ?? 0;
  }
}
