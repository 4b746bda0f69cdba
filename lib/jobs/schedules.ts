import { and, eq, lte, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { type JsonObject, schedules } from '@/lib/db/schema.ts';
import { milliseconds } from './job.ts';
import type { JobQueue } from './queue.ts';

export interface Schedule {
  name: string;
  jobType: string;
  /** From the start of one run to the start of the next. A run that takes longer delays the next one. */
  everyMs: number;
  payload?: JsonObject;
}

/** Jobs that come back. Any number of processes may tick: each due run is enqueued by exactly one of them. */
export class Schedules {
  readonly #database: Database;
  readonly #queue: JobQueue;

  constructor(database: Database, queue: JobQueue) {
    this.#database = database;
    this.#queue = queue;
  }

  /** Makes the schedule, due at once, or brings it up to date; an interval that became shorter counts from now on. */
  async ensure(schedule: Schedule): Promise<void> {
    const { name, jobType, everyMs, payload = {} } = schedule;
    const nextRunAt = sql`least(${schedules.nextRunAt}, now() + ${milliseconds(everyMs)})`;
    await this.#database
      .insert(schedules)
      .values({ name, jobType, everyMs, payload, nextRunAt: sql`now()` })
      .onConflictDoUpdate({ target: schedules.name, set: { jobType, everyMs, payload, nextRunAt } });
  }

  async remove(name: string): Promise<void> {
    await this.#database.delete(schedules).where(eq(schedules.name, name));
  }

  /** Enqueues what is due, and returns the names. Runs that were missed while nobody ticked are made up for by one. */
  async tick(): Promise<string[]> {
    return this.#database.transaction(async (tx) => {
      const due = await tx
        .select()
        .from(schedules)
        .where(lte(schedules.nextRunAt, sql`now()`))
        .for('update', { skipLocked: true });
      for (const schedule of due) await this.#run(schedule, tx);
      return due.map((schedule) => schedule.name);
    });
  }

  async #run(schedule: typeof schedules.$inferSelect, tx: Transaction): Promise<void> {
    const { name, jobType, payload, everyMs } = schedule;
    await this.#queue.enqueue({ type: jobType, payload, dedupeKey: `schedule:${name}`, whileRunning: 'skip' }, tx);
    await tx
      .update(schedules)
      .set({ lastRunAt: sql`now()`, nextRunAt: sql`now() + ${milliseconds(everyMs)}` })
      .where(and(eq(schedules.name, name)));
  }
}
