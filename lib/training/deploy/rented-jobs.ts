import { and, asc, desc, eq, isNotNull, isNull, lt, ne, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { trainingJobs } from '@/lib/db/schema.ts';
import type { RemoteEnder } from '@/lib/training/jobs/remote-resources.ts';
import type { TrainingJob } from '@/lib/training/jobs/training-job.ts';
import type { TrainingJobRepository } from '@/lib/training/jobs/training-job-repository.ts';

const T = trainingJobs;
const BATCH = 500;

/** The jobs for which something is, or may be, rented. */
export class RentedJobs {
  readonly #db: Database;
  readonly #jobs: TrainingJobRepository;
  readonly #ender: RemoteEnder;

  constructor(parts: { db: Database; jobs: TrainingJobRepository; ender: RemoteEnder }) {
    this.#db = parts.db;
    this.#jobs = parts.jobs;
    this.#ender = parts.ender;
  }

  /** Jobs that are not over: with a machine, or about to get one. */
  async open(): Promise<TrainingJob[]> {
    const rented = and(isNull(T.finishedAt), ne(T.target, 'local'));
    const rows = await this.#db.select({ id: T.id }).from(T).where(rented).orderBy(asc(T.id)).limit(BATCH);
    const jobs = await Promise.all(rows.map(({ id }) => this.#jobs.find(id)));
    return jobs.filter((job) => job !== undefined && job.finishedAt === null) as TrainingJob[];
  }

  /**
   * Queues the end of machines that outlived their job and nobody ends any more: a queued job may be cancelled, or give
   * up. Where one is queued already nothing changes.
   */
  async queueForgotten(): Promise<void> {
    const unended = sql`${T.remote}->>'state' <> 'ended'`;
    const settled = lt(T.finishedAt, sql`now() - interval '1 hour'`);
    const rows = await this.#db
      .select({ id: T.id })
      .from(T)
      .where(and(ne(T.target, 'local'), isNotNull(T.remote), unended, settled))
      .limit(BATCH);
    for (const { id } of rows) await this.#queue(id);
  }

  async #queue(id: string): Promise<void> {
    await this.#db.transaction(async (tx) => {
      const job = await this.#jobs.lock(tx, id);
      if (job !== undefined && job.finishedAt !== null) await this.#ender.queue(tx, job, job.remote);
    });
  }

  /** The last job that was made for a piece of work. */
  async madeFor(workId: string): Promise<TrainingJob | undefined> {
    const [row] = await this.#db
      .select({ id: T.id })
      .from(T)
      .where(eq(sql`${T.config}->>'work_id'`, workId))
      .orderBy(desc(T.id))
      .limit(1);
    return row === undefined ? undefined : this.#jobs.find(row.id);
  }
}
