import { asc, eq, sql } from 'drizzle-orm';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import type { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import type { Database } from '@/lib/db/database.ts';
import { datasetReports, legacyDeletes } from '@/lib/db/schema.ts';
import { type JobSink, replicaJob } from '@/lib/placement/job-types.ts';
import { findPlaced } from '@/lib/placement/placed-dataset.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';

export interface VanishedParts {
  db: Database;
  replicas: ReplicaRepository;
  spools: SpoolKeeper;
  files: ManifestFiles;
  uploads: UploadRepository;
  jobs: JobSink;
}

const DELETED = { code: 'dataset_deleted', detail: 'The dataset was deleted before it was ready.' };

/** Datasets whose row somebody else deleted. The trigger took their copies out of use; here the rest follows. */
export class Vanished {
  readonly #parts: VanishedParts;

  constructor(parts: VanishedParts) {
    this.#parts = parts;
  }

  /** Returns how many were cleared away. May be repeated after a crash at any point. */
  async clear(limit: number, signal?: AbortSignal): Promise<number> {
    const rows = await this.#parts.db.select().from(legacyDeletes).orderBy(asc(legacyDeletes.id)).limit(limit);
    let cleared = 0;
    for (const row of rows) {
      signal?.throwIfAborted();
      if (await this.#clear(row)) cleared += 1;
    }
    return cleared;
  }

  /** What the row named is gone from this host before it is forgotten: a manifest would bring the dataset back. */
  async #clear({ id, datasetId }: typeof legacyDeletes.$inferSelect): Promise<boolean> {
    const { db, spools, files, replicas, uploads, jobs } = this.#parts;
    const again = await findPlaced(db, datasetId);
    // Only the host of a spool can remove its file: the row waits for it.
    if (again === undefined && !(await spools.release(datasetId, async () => true))) return false;
    if (again === undefined) await files.remove(datasetId);
    await db.transaction(async (tx) => {
      for (const replica of await replicas.ofDataset(datasetId, tx)) {
        if (replica.state === 'deleting') await jobs.enqueue(replicaJob('remove', replica), tx);
      }
      if (again === undefined) {
        await uploads.failOf(tx, datasetId, DELETED);
        await tx.delete(datasetReports).where(eq(datasetReports.datasetId, datasetId));
      }
      await tx.delete(legacyDeletes).where(eq(legacyDeletes.id, sql`${id}`));
    });
    return true;
  }
}
