import { and, asc, eq, isNotNull, isNull, lte, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { legacyDeletes, tombstones } from '@/lib/db/schema.ts';
import type { Replica } from '@/lib/placement/replica.ts';

export type Tombstone = typeof tombstones.$inferSelect;

/** Addresses at which a late completion may still leave an object, and the memory of what was deleted. */
export class TombstoneRepository {
  readonly #db: Database;
  readonly #longestRequestMs: number;

  /** `longestRequestMs`: after this no request that was started before can still complete. */
  constructor(db: Database, longestRequestMs: number) {
    this.#db = db;
    this.#longestRequestMs = longestRequestMs;
  }

  async add(tx: Executor, replica: Replica, reason: string): Promise<void> {
    const { datasetId, userId, provider, endpoint, region, bucket, objectKey, secretId, uploadState } = replica;
    await tx.insert(tombstones).values({
      ...{ datasetId, userId, provider, endpoint, region, bucket, objectKey, secretId, uploadState, reason },
      id: newId(),
      checkAfter: sql`now() + make_interval(secs => ${this.#longestRequestMs / 1000})`,
    });
  }

  async due(limit: number): Promise<Tombstone[]> {
    return this.#db
      .select()
      .from(tombstones)
      .where(and(isNull(tombstones.doneAt), lte(tombstones.checkAfter, sql`now()`)))
      .orderBy(asc(tombstones.checkAfter))
      .limit(limit);
  }

  /** Looked at, and nothing is there. */
  async done(id: string): Promise<void> {
    await this.#db
      .update(tombstones)
      .set({ doneAt: sql`now()`, checks: sql`${tombstones.checks} + 1` })
      .where(eq(tombstones.id, id));
  }

  /** The store did not answer: look again later. */
  async again(id: string, afterMs: number): Promise<void> {
    const checkAfter = sql`now() + make_interval(secs => ${afterMs / 1000})`;
    await this.#db
      .update(tombstones)
      .set({ checkAfter, checks: sql`${tombstones.checks} + 1` })
      .where(eq(tombstones.id, id));
  }

  /** True when the dataset was deleted, as far back as tombstones are kept. */
  async namesDataset(datasetId: string, executor: Executor = this.#db): Promise<boolean> {
    const [row] = await executor
      .select({ id: tombstones.id })
      .from(tombstones)
      .where(and(eq(tombstones.datasetId, datasetId), eq(tombstones.reason, DATASET_DELETED)))
      .limit(1);
    return row !== undefined;
  }

  /** True when the row was deleted by another application, and the rest is to follow. */
  async isBeingCleared(datasetId: string, executor: Executor = this.#db): Promise<boolean> {
    const rows = await executor
      .select({ id: legacyDeletes.id })
      .from(legacyDeletes)
      .where(eq(legacyDeletes.datasetId, datasetId))
      .limit(1);
    return rows.length > 0;
  }

  /** Forgets what was settled longer ago than `days`. */
  async forget(days: number): Promise<void> {
    const settled = lte(tombstones.doneAt, sql`now() - make_interval(days => ${days})`);
    await this.#db.delete(tombstones).where(and(isNotNull(tombstones.doneAt), settled));
  }
}

/** Reason of tombstones that remember a deleted dataset. Others belong to living ones. */
export const DATASET_DELETED = 'dataset_deleted';
export const REPLICA_RETIRED = 'replica_retired';
