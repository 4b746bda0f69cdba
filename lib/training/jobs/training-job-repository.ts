import { and, asc, desc, eq, gt, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/lib/db/database.ts';
import { type JsonObject, trainingJobEvents, trainingJobs, users } from '@/lib/db/schema.ts';
import {
  type JobError,
  jobNotFound,
  type RemoteResource,
  type TrainingEventKind,
  type TrainingJob,
  type TrainingJobState,
  type TrainingTarget,
} from './training-job.ts';

const T = trainingJobs;
const E = trainingJobEvents;

export type NewTrainingJob = typeof trainingJobs.$inferInsert;
export type TrainingJobChange = Partial<{
  [Column in keyof NewTrainingJob]: NewTrainingJob[Column] | ReturnType<typeof sql>;
}>;
export type TrainingJobEvent = typeof trainingJobEvents.$inferSelect;

export interface JobListQuery {
  /** Ids below this: the last one of the page before. */
  before?: string;
  limit: number;
  states?: readonly TrainingJobState[];
  target?: TrainingTarget;
  datasetId?: string;
}

export interface EventQuery {
  /** Ids above this. */
  after: number;
  limit: number;
  kinds?: readonly TrainingEventKind[];
}

export interface NewEvent {
  /** Default: now. */
  at?: Date;
  kind: TrainingEventKind;
  data: JsonObject;
}

/** Rows of training jobs and of what they said. */
export class TrainingJobRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async insert(tx: Transaction, row: NewTrainingJob): Promise<TrainingJob> {
    const [made] = await tx.insert(T).values(row).returning();
    if (made === undefined) throw jobNotFound();
    return toJob(made);
  }

  /** @throws job_not_found */
  async get(userId: string, id: string, executor: Executor = this.#db): Promise<TrainingJob> {
    const [row] = await executor
      .select()
      .from(T)
      .where(and(eq(T.id, id), eq(T.userId, userId)));
    if (row === undefined) throw jobNotFound();
    return toJob(row);
  }

  /** For those who act for the installation; never for a user's request. */
  async find(id: string, executor: Executor = this.#db): Promise<TrainingJob | undefined> {
    const [row] = await executor.select().from(T).where(eq(T.id, id));
    return row === undefined ? undefined : toJob(row);
  }

  /** Newest first, one more than the limit where there is another page. */
  async list(userId: string, query: JobListQuery): Promise<TrainingJob[]> {
    const rows = await this.#db
      .select()
      .from(T)
      .where(
        and(
          eq(T.userId, userId),
          query.before === undefined ? undefined : lt(T.id, query.before),
          query.states === undefined ? undefined : inArray(T.state, [...query.states]),
          query.target === undefined ? undefined : eq(T.target, query.target),
          query.datasetId === undefined ? undefined : eq(T.datasetId, query.datasetId),
        ),
      )
      .orderBy(desc(T.id))
      .limit(query.limit + 1);
    return rows.map(toJob);
  }

  /** The row, locked until the transaction ends. Everything that changes a job or adds an event takes turns on it. */
  async lock(tx: Transaction, id: string): Promise<TrainingJob | undefined> {
    const [row] = await tx.select().from(T).where(eq(T.id, id)).for('update');
    return row === undefined ? undefined : toJob(row);
  }

  /** The oldest job that waits for a local agent of this user, locked. Two agents never get the same one. */
  async lockNextLocal(tx: Transaction, userId: string): Promise<TrainingJob | undefined> {
    const [row] = await tx
      .select()
      .from(T)
      .where(and(eq(T.userId, userId), eq(T.state, 'pending'), eq(T.target, 'local')))
      .orderBy(asc(T.id))
      .limit(1)
      .for('update', { skipLocked: true });
    return row === undefined ? undefined : toJob(row);
  }

  /** MUST be called under the lock of the row. */
  async update(tx: Transaction, id: string, change: TrainingJobChange): Promise<TrainingJob> {
    const [row] = await tx
      .update(T)
      .set({ ...change, updatedAt: sql`now()` })
      .where(eq(T.id, id))
      .returning();
    if (row === undefined) throw jobNotFound();
    return toJob(row);
  }

  /** MUST be called under the lock of the row: ids of one job then commit in their order. */
  async append(tx: Transaction, job: Pick<TrainingJob, 'id' | 'attempt'>, events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await tx.insert(E).values(events.map((event) => ({ jobId: job.id, attempt: job.attempt, ...event })));
  }

  /** In the order in which they happened. */
  async events(jobId: string, query: EventQuery): Promise<TrainingJobEvent[]> {
    return this.#db
      .select()
      .from(E)
      .where(
        and(
          eq(E.jobId, jobId),
          gt(E.id, query.after),
          query.kinds === undefined ? undefined : inArray(E.kind, [...query.kinds]),
        ),
      )
      .orderBy(asc(E.id))
      .limit(query.limit);
  }

  /**
   * Drops logs and metrics of jobs that ended so long ago; states and stages stay, they tell the job's story. At most
   * `limit` in one statement, so that nobody waits behind it. Returns how many were dropped.
   */
  async purgeLogs(keptMs: number, limit: number): Promise<number> {
    const { rows } = await this.#db.execute(sql`
      delete from longshore.training_job_events where id in (
        select e.id from longshore.training_jobs j join longshore.training_job_events e on e.job_id = j.id
        where j.finished_at < now() - ${keptMs} * interval '1 millisecond' and e.kind in ('log', 'metric')
        limit ${limit})
      returning 1`);
    return rows.length;
  }

  /**
   * Open jobs whose worker, start or run took too long. A job that waits for a local agent is not late; before
   * `listeningSince` nobody could be heard.
   */
  async late(listeningSince: Date, limit: number): Promise<string[]> {
    const since = (column: ReturnType<typeof sql>, ms: ReturnType<typeof sql>) =>
      sql`${column} < now() - ${ms} * interval '1 millisecond'`;
    const heard = (column: ReturnType<typeof sql>) =>
      sql`greatest(${column}, ${listeningSince.toISOString()}::timestamptz)`;
    const silent = and(
      inArray(T.state, ['starting', 'fetching', 'running']),
      since(heard(sql`${T.heartbeatAt}`), sql`${T.heartbeatTimeoutMs}`),
    );
    const unstarted = and(
      isNull(T.heartbeatAt),
      or(inArray(T.state, ['starting', 'fetching', 'running']), sql`${T.target} <> 'local'`),
      since(heard(sql`${T.attemptAt}`), sql`${T.startTimeoutMs}`),
    );
    const endless = since(sql`${T.startedAt}`, sql`${T.runTimeoutMs}`);
    const rows = await this.#db
      .select({ id: T.id })
      .from(T)
      .where(and(isNull(T.finishedAt), or(silent, unstarted, endless)))
      .limit(limit);
    return rows.map((row) => row.id);
  }

  /** False for a user who was disabled: then the tokens of the user's jobs open nothing either. */
  async ownerIsActive(userId: string, executor: Executor = this.#db): Promise<boolean> {
    const [row] = await executor.select({ disabledAt: users.disabledAt }).from(users).where(eq(users.id, userId));
    return row === undefined || row.disabledAt === null;
  }
}

function toJob(row: typeof trainingJobs.$inferSelect): TrainingJob {
  // Both columns are written by this module's callers alone, in these shapes.
  return {
    ...row,
    remote: row.remote as RemoteResource | null,
    error: row.error as JobError | null,
  };
}
