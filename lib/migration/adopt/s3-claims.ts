import { and, asc, eq, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { adoptedDatasets, datasetReplicas } from '@/lib/db/schema.ts';
import type { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';
import { isSafePath } from '@/lib/migration/adopt/legacy-path.ts';
import type { ProblemCode } from '@/lib/migration/adopt/problems.ts';
import { bucketOf } from '@/lib/migration/runs/planner.ts';
import { isLiving, lockPlaced } from '@/lib/placement/placed-dataset.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import type { StoreRegistry, StoreTarget } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

type Claim = typeof adoptedDatasets.$inferSelect;
const CODES: readonly ProblemCode[] = ['s3_bucket_unknown', 's3_object_missing'];

/** Copies in S3 that old metadata names, of users whose bucket is known by now: taken in, and read back before trusted. */
export class S3Claims {
  readonly #db: Database;
  readonly #repository: AdoptionRepository;
  readonly #registry: StoreRegistry;
  readonly #reconciler: Reconciler;

  constructor(parts: {
    db: Database;
    repository: AdoptionRepository;
    registry: StoreRegistry;
    reconciler: Reconciler;
  }) {
    this.#db = parts.db;
    this.#repository = parts.repository;
    this.#registry = parts.registry;
    this.#reconciler = parts.reconciler;
  }

  /** Looks at those that were not looked at for longest. Returns how many were taken in. */
  async takeWaiting(limit: number, signal?: AbortSignal): Promise<number> {
    const waiting = await this.#db
      .select()
      .from(adoptedDatasets)
      .where(eq(adoptedDatasets.s3State, 'waiting'))
      .orderBy(asc(adoptedDatasets.updatedAt))
      .limit(limit);
    let taken = 0;
    for (const claim of waiting) {
      signal?.throwIfAborted();
      if (await this.#take(claim, signal)) taken += 1;
    }
    return taken;
  }

  async #take(claim: Claim, signal: AbortSignal | undefined): Promise<boolean> {
    const target = await bucketOf(this.#registry, claim.userId);
    if (target === undefined) return this.#settle(claim, 'waiting', 's3_bucket_unknown');
    const there = await this.#isThere(claim, target, signal);
    if (there === undefined) return this.#settle(claim, 'waiting');
    if (!there) return this.#settle(claim, 'refused', 's3_object_missing');
    await this.#adopt(claim, target);
    await this.#reconciler.reconcile(claim.datasetId);
    return true;
  }

  /** Undefined where the store does not say: it is asked again. */
  async #isThere(claim: Claim, target: StoreTarget, signal: AbortSignal | undefined): Promise<boolean | undefined> {
    const key = claim.s3StoragePath ?? '';
    if (!isSafePath(key)) return false;
    try {
      const service = await this.#registry.resolve({ ...target, userId: claim.userId });
      await service.stat(key, { signal });
      return true;
    } catch (error) {
      if (!StorageError.is(error) || signal?.aborted) throw error;
      return error.code === 'not_found' ? false : undefined;
    }
  }

  async #settle(claim: Claim, s3State: 'waiting' | 'refused', code?: ProblemCode): Promise<false> {
    await this.#db.update(adoptedDatasets).set({ s3State, updatedAt: sql`now()` }).where(this.#unchanged(claim));
    const { s3StoragePath, datasetId: dataset_id, userId: user_id } = claim;
    const problem = { object_key: s3StoragePath ?? '', dataset_id, user_id, details: {} };
    if (code !== undefined) await this.#repository.record([{ code, ...problem }], 'inspection');
    return false;
  }

  async #adopt(claim: Claim, target: StoreTarget): Promise<void> {
    const { datasetId, userId, s3StoragePath } = claim;
    await this.#db.transaction(async (tx) => {
      const dataset = await lockPlaced(tx, datasetId);
      if (!isLiving(dataset)) return;
      const copy = { ...target, datasetId, userId, objectKey: s3StoragePath ?? '', state: 'completed' as const };
      await tx
        .insert(datasetReplicas)
        .values({ ...copy, id: newId(), objectSha256: dataset.objectSha256, completedAt: sql`now()` })
        .onConflictDoNothing();
      await tx.update(adoptedDatasets).set({ s3State: 'adopted', updatedAt: sql`now()` }).where(this.#unchanged(claim));
      await this.#repository.forget([datasetId], CODES, tx);
    });
  }

  #unchanged({ datasetId, s3StoragePath }: Claim) {
    return and(eq(adoptedDatasets.datasetId, datasetId), eq(adoptedDatasets.s3StoragePath, s3StoragePath ?? ''));
  }
}
