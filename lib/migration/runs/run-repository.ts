import { and, desc, eq, inArray, lt, ne, or, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { isUniqueViolation } from '@/lib/db/query-error.ts';
import { type JsonObject, migrationItems, migrationRuns, migrationWorkers } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { encodeOptions } from '@/lib/migration/runs/run-options.ts';
import type { MigrationOptions, MigrationRun, MigrationRunState } from '@/lib/migration/types.ts';

/** What each move of a run starts from. A run that is done may be started again: it takes up what was left out. */
const MOVES: Record<'running' | 'paused' | 'cancelling' | 'cancelled' | 'completed' | 'failed', MigrationRunState[]> = {
  running: ['planned', 'paused', 'completed', 'failed'],
  paused: ['running'],
  cancelling: ['running', 'paused'],
  cancelled: ['planned', 'cancelling'],
  completed: ['running'],
  failed: ['running'],
};

const ENDED: readonly MigrationRunState[] = ['completed', 'cancelled', 'failed'];

/** A sign of life of one process that works on a run. */
export interface WorkerPulse {
  owner: string;
  bytesPerSecond: number;
  itemsPerSecond: number;
  concurrency: number;
}

/** Rows of runs. Their states move only here. */
export class RunRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async insert(options: MigrationOptions, actor: string): Promise<MigrationRun> {
    const [row] = await this.#db
      .insert(migrationRuns)
      .values({ id: newId(), state: 'planned', options: encodeOptions(options), actor })
      .returning();
    if (row === undefined) throw new Error('an insert returned no row');
    return row;
  }

  /** @throws migration_not_found */
  async get(id: string, executor: Executor = this.#db): Promise<MigrationRun> {
    const [row] = await executor.select().from(migrationRuns).where(eq(migrationRuns.id, id));
    if (row !== undefined) return row;
    throw new LongshoreError('migration_not_found', 'There is no such migration run.', {
      hint: 'List them: GET /api/storage/migrations, or `longshore migrate status`.',
    });
  }

  /** Newest first. One row more than the limit means that there is another page. */
  async list(limit: number, before?: string): Promise<MigrationRun[]> {
    const pivot = sql`(select created_at from longshore.migration_runs where id = ${before ?? ''})`;
    const older = or(
      lt(migrationRuns.createdAt, pivot),
      and(eq(migrationRuns.createdAt, pivot), lt(migrationRuns.id, before ?? '')),
    );
    return this.#db
      .select()
      .from(migrationRuns)
      .where(before === undefined ? undefined : older)
      .orderBy(desc(migrationRuns.createdAt), desc(migrationRuns.id))
      .limit(limit + 1);
  }

  /** The run that is under way, if any: there is at most one. */
  async active(): Promise<MigrationRun | undefined> {
    const [row] = await this.#db
      .select()
      .from(migrationRuns)
      .where(inArray(migrationRuns.state, ['running', 'paused', 'cancelling']));
    return row;
  }

  /** Undefined when the run is not in a state that this move starts from. @throws migration_active */
  async move(
    id: string,
    to: keyof typeof MOVES,
    executor: Executor = this.#db,
    error: JsonObject | null = null,
  ): Promise<MigrationRun | undefined> {
    try {
      const [row] = await executor
        .update(migrationRuns)
        .set({
          state: to,
          error,
          updatedAt: sql`now()`,
          ...(to === 'running' ? { startedAt: sql`coalesce(started_at, now())`, finishedAt: null } : {}),
          ...(ENDED.includes(to) ? { finishedAt: sql`now()` } : {}),
        })
        .where(and(eq(migrationRuns.id, id), inArray(migrationRuns.state, MOVES[to])))
        .returning();
      return row;
    } catch (cause) {
      if (!isUniqueViolation(cause, 'migration_runs_one_active')) throw cause;
      throw new LongshoreError('migration_active', 'Another migration run is under way.', {
        hint: 'Wait for it, or pause or cancel it: `longshore migrate status`.',
        cause,
      });
    }
  }

  /** Takes up what an earlier go left out: whoever has a bucket by now, and stores that answer again. */
  async reopen(id: string, executor: Executor = this.#db): Promise<void> {
    await executor
      .update(migrationItems)
      .set({ state: 'pending', failures: 0, runAfter: sql`now()`, finishedAt: null, updatedAt: sql`now()` })
      .where(
        and(
          eq(migrationItems.runId, id),
          inArray(migrationItems.state, ['skipped', 'failed']),
          ne(sql`coalesce(${migrationItems.errorCode}, '')`, 'dataset_deleted'),
        ),
      );
  }

  /** The marks of an earlier reading back count no more. */
  async clearChecks(id: string, executor: Executor): Promise<void> {
    await executor.update(migrationRuns).set({ checkedAt: null }).where(eq(migrationRuns.id, id));
    await executor
      .update(migrationItems)
      .set({ checkMark: null, checkMessage: null, checkedAt: null })
      .where(eq(migrationItems.runId, id));
  }

  async mark(id: string, what: 'checkedAt' | 'rolledBackAt', executor: Executor = this.#db): Promise<void> {
    await executor
      .update(migrationRuns)
      .set({ [what]: sql`now()`, updatedAt: sql`now()` })
      .where(eq(migrationRuns.id, id));
  }

  async pulse(runId: string, pulse: WorkerPulse): Promise<void> {
    const { owner, ...facts } = pulse;
    const seen = { ...facts, seenAt: sql`now()` };
    await this.#db
      .insert(migrationWorkers)
      .values({ runId, owner, ...seen })
      .onConflictDoUpdate({ target: [migrationWorkers.runId, migrationWorkers.owner], set: seen });
  }

  async leave(runId: string, owner: string): Promise<void> {
    await this.#db
      .delete(migrationWorkers)
      .where(and(eq(migrationWorkers.runId, runId), eq(migrationWorkers.owner, owner)));
  }
}
