import { and, asc, eq, inArray, isNull, ne, sql } from 'drizzle-orm';
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { datasetReplicas, type JsonObject, trainingDatasets } from '@/lib/db/schema.ts';
import { fencedError, type Replica, type ReplicaState, sourcesOf } from '@/lib/placement/replica.ts';
import type { StoreAddress, StoreTarget } from '@/lib/placement/store-registry.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import type { UploadState } from '@/lib/storage/storage-service.ts';

/** What a move writes beside the state. */
export type ReplicaFacts = Pick<
  PgUpdateSetSource<typeof datasetReplicas>,
  | 'sizeBytes'
  | 'objectSha256'
  | 'versionId'
  | 'errorCode'
  | 'errorMessage'
  | 'uploadState'
  | 'completedAt'
  | 'verifiedAt'
>;

/** Where an object lies, and whose it is. */
export type ObjectAddress = StoreAddress & { userId: string; datasetId: string; objectKey: string };

export interface NewReplica {
  datasetId: string;
  userId: string;
  target: StoreTarget;
  generation?: number;
}

/** A copy that a manifest names; `stored` when its object was found again. */
export type RestoredReplica = ObjectAddress & {
  generation: number;
  versionId: string | null;
  stored: { sizeBytes: number; objectSha256: string } | undefined;
};

/** Replica rows. Every change of state passes through `move` or `claim`, which keep the state machine. */
export class ReplicaRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Rows for copies that are to be written. An address that has a row already keeps it. */
  async insertPending(tx: Executor, replicas: readonly NewReplica[]): Promise<Replica[]> {
    if (replicas.length === 0) return [];
    const rows = replicas.map(({ datasetId, userId, target, generation = 0 }) => ({
      ...target,
      id: newId(),
      datasetId,
      userId,
      generation,
      objectKey: datasetObjectKey(target.provider, userId, datasetId, generation),
      state: 'pending' as const,
    }));
    return tx.insert(datasetReplicas).values(rows).onConflictDoNothing().returning();
  }

  /** Rows that the database lost. Bytes are proved by the re-read that follows. */
  async restore(tx: Executor, replicas: readonly RestoredReplica[]): Promise<void> {
    for (const { stored, ...replica } of replicas) {
      const facts = stored === undefined ? {} : { ...stored, completedAt: sql`now()` };
      const state = stored === undefined ? ('pending' as const) : ('completed' as const);
      await tx
        .insert(datasetReplicas)
        .values({ ...replica, ...facts, state, id: newId() })
        .onConflictDoNothing();
    }
  }

  async ofDataset(datasetId: string, executor: Executor = this.#db): Promise<Replica[]> {
    return executor
      .select()
      .from(datasetReplicas)
      .where(eq(datasetReplicas.datasetId, datasetId))
      .orderBy(asc(datasetReplicas.createdAt), asc(datasetReplicas.id));
  }

  async ofDatasets(datasetIds: readonly string[], executor: Executor = this.#db): Promise<Replica[]> {
    if (datasetIds.length === 0) return [];
    return executor
      .select()
      .from(datasetReplicas)
      .where(inArray(datasetReplicas.datasetId, [...datasetIds]))
      .orderBy(asc(datasetReplicas.createdAt), asc(datasetReplicas.id));
  }

  async find(id: string, executor: Executor = this.#db): Promise<Replica | undefined> {
    const [row] = await executor.select().from(datasetReplicas).where(eq(datasetReplicas.id, id));
    return row;
  }

  /**
   * Takes the writing of a copy: whoever held it before is fenced.
   * Undefined when there is nothing to write (completed, deleting, gone).
   */
  async claim(id: string, executor: Executor = this.#db): Promise<Replica | undefined> {
    const [row] = await executor
      .update(datasetReplicas)
      .set({ state: 'pending', attempt: sql`${datasetReplicas.attempt} + 1`, updatedAt: sql`now()` })
      .where(and(eq(datasetReplicas.id, id), inArray(datasetReplicas.state, ['pending', 'failed'])))
      .returning();
    return row;
  }

  /**
   * Moves a replica under the attempt that the caller holds.
   * @throws fenced when the attempt is over or the state machine has no such move
   */
  async move(
    replica: Replica,
    to: ReplicaState,
    facts: ReplicaFacts = {},
    executor: Executor = this.#db,
  ): Promise<Replica> {
    const [row] = await executor
      .update(datasetReplicas)
      .set({ ...facts, state: to, updatedAt: sql`now()` })
      .where(this.#held(replica, sourcesOf(to)))
      .returning();
    if (row === undefined) throw fencedError(`Replica ${replica.id}`);
    return row;
  }

  /** @throws fenced */
  async saveUploadState(replica: Replica, state: UploadState | null, executor: Executor = this.#db): Promise<void> {
    const rows = await executor
      .update(datasetReplicas)
      .set({ uploadState: state as JsonObject | null, updatedAt: sql`now()` })
      .where(this.#held(replica, ['pending']))
      .returning({ id: datasetReplicas.id });
    if (rows.length === 0) throw fencedError(`Replica ${replica.id}`);
  }

  /** Everything of a dataset that is being deleted. The attempt grows, so writers of these copies are fenced. */
  async moveAllToDeleting(tx: Executor, datasetId: string): Promise<void> {
    await tx
      .update(datasetReplicas)
      .set({ state: 'deleting', attempt: sql`${datasetReplicas.attempt} + 1`, updatedAt: sql`now()` })
      .where(and(eq(datasetReplicas.datasetId, datasetId), inArray(datasetReplicas.state, sourcesOf('deleting'))));
  }

  /** True when a living replica row names this address. */
  async claimsAddress(address: ObjectAddress): Promise<boolean> {
    const [row] = await this.#db
      .select({ id: datasetReplicas.id })
      .from(datasetReplicas)
      .where(
        and(
          eq(datasetReplicas.provider, address.provider),
          sql`coalesce(${datasetReplicas.endpoint}, '') = ${address.endpoint ?? ''}`,
          eq(datasetReplicas.bucket, address.bucket),
          eq(datasetReplicas.objectKey, address.objectKey),
          ne(datasetReplicas.state, 'deleting'),
        ),
      );
    return row !== undefined;
  }

  /** True when a living row names this object: an application from before Longshore may still read it. */
  async isNamedByRow({ objectKey }: { objectKey: string }): Promise<boolean> {
    const [row] = await this.#db
      .select({ id: trainingDatasets.id })
      .from(trainingDatasets)
      .where(and(eq(trainingDatasets.storagePath, objectKey), isNull(trainingDatasets.deletedAt)))
      .limit(1);
    return row !== undefined;
  }

  /** True when a migration is under way to this address: its copy has no row yet. */
  async isBeingMovedTo(address: ObjectAddress): Promise<boolean> {
    const { rows } = await this.#db.execute<{ moving: boolean }>(sql`
      select exists (
        select 1 from longshore.migration_items i join longshore.migration_runs r on r.id = i.run_id
        where i.dataset_id = ${address.datasetId} and i.state in ('pending', 'copying', 'verifying')
          and r.state in ('running', 'paused', 'cancelling') and i.destination->>'provider' = ${address.provider}
          and coalesce(i.destination->>'endpoint', '') = ${address.endpoint ?? ''}
          and i.destination->>'bucket' = ${address.bucket} and i.destination->>'key' = ${address.objectKey}) as moving`);
    return rows[0]?.moving === true;
  }

  /** The last move: the object is gone from its store. */
  async removeDeleting(id: string, executor: Executor = this.#db): Promise<void> {
    await executor
      .delete(datasetReplicas)
      .where(and(eq(datasetReplicas.id, id), eq(datasetReplicas.state, 'deleting')));
  }

  #held(replica: Replica, states: ReplicaState[]) {
    return and(
      eq(datasetReplicas.id, replica.id),
      eq(datasetReplicas.attempt, replica.attempt),
      inArray(datasetReplicas.state, states),
    );
  }
}
