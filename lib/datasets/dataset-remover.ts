import { datasetNotFound } from '@/lib/datasets/dataset.ts';
import type { DatasetAudit } from '@/lib/datasets/dataset-audit.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import { cleanUpJob } from '@/lib/datasets/job-types.ts';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import type { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import type { Database, Transaction } from '@/lib/db/database.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { JobSink } from '@/lib/placement/job-types.ts';
import { lockPlaced } from '@/lib/placement/placed-dataset.ts';
import { fencedError } from '@/lib/placement/replica.ts';
import type { ReplicaCleaner } from '@/lib/placement/replica-cleaner.ts';
import type { ReplicaDeleter } from '@/lib/placement/replica-deleter.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** What an upload tells whose dataset was deleted before it was ready. */
const DELETED: JsonObject = { code: 'dataset_deleted', detail: 'The dataset was deleted before it was ready.' };

/** Ends datasets: marked in the database, tombstone on disk, and only then cleaned up. */
export class DatasetRemover {
  readonly #db: Database;
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaRepository;
  readonly #deleter: ReplicaDeleter;
  readonly #cleaner: ReplicaCleaner;
  readonly #spools: SpoolKeeper;
  readonly #files: ManifestFiles;
  readonly #idempotency: IdempotencyRepository;
  readonly #uploads: UploadRepository;
  readonly #jobs: JobSink;
  readonly #audit: Pick<DatasetAudit, 'write'>;

  constructor(parts: {
    db: Database;
    datasets: DatasetRepository;
    replicas: ReplicaRepository;
    deleter: ReplicaDeleter;
    cleaner: ReplicaCleaner;
    spools: SpoolKeeper;
    files: ManifestFiles;
    idempotency: IdempotencyRepository;
    uploads: UploadRepository;
    jobs: JobSink;
    audit: Pick<DatasetAudit, 'write'>;
  }) {
    this.#db = parts.db;
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
    this.#deleter = parts.deleter;
    this.#cleaner = parts.cleaner;
    this.#spools = parts.spools;
    this.#files = parts.files;
    this.#idempotency = parts.idempotency;
    this.#uploads = parts.uploads;
    this.#jobs = parts.jobs;
    this.#audit = parts.audit;
  }

  /** Deletes a dataset of this user. Invisible and irrevocable when it resolves. @throws dataset_not_found */
  async delete(userId: string, id: string): Promise<void> {
    const { name } = await this.#datasets.get(userId, id);
    await this.#db.transaction(async (tx) => {
      if (!(await this.mark(tx, id))) throw datasetNotFound();
      await this.#audit.write({ userId, actor: userId, action: 'dataset.deleted', subject: id, details: { name } }, tx);
    });
    await this.#files.bury(id);
  }

  /**
   * Removes an upload that no store took, so that nothing of it is left when it resolves (or, where a store does not
   * answer, once it does).
   * @throws fenced when the attempt is over: somebody else finishes or has removed it
   */
  async discard(id: string, attempt: number, problem: JsonObject): Promise<void> {
    const marked = await this.#db.transaction(async (tx) => {
      const dataset = await lockPlaced(tx, id);
      if (dataset?.attempt !== attempt || dataset.status !== 'uploading') return false;
      await this.#idempotency.releaseUnanswered(tx, id);
      return this.mark(tx, id, problem);
    });
    if (!marked) throw fencedError(`Dataset ${id}`);
    await this.#files.remove(id);
    await this.cleanUp(id).catch((error) => {
      // The job that the mark queued goes on once the store answers.
      if (!StorageError.is(error)) throw error;
    });
  }

  /** Marks a dataset deleted, in the caller's transaction. False when it is already. */
  async mark(tx: Transaction, id: string, problem: JsonObject = DELETED): Promise<boolean> {
    const dataset = await lockPlaced(tx, id);
    if (dataset === undefined || dataset.deletedAt !== null) return false;
    await this.#uploads.failOf(tx, id, problem);
    await this.#datasets.markDeleted(tx, id);
    await this.#deleter.deleteAll(tx, id);
    await this.queueCleanUp(tx, dataset);
    return true;
  }

  async queueCleanUp(tx: Transaction | Database, dataset: { id: string; userId: string }): Promise<void> {
    await this.#jobs.enqueue(cleanUpJob(dataset), tx);
  }

  /**
   * Removes manifests, then objects, then rows of a marked dataset. May be repeated after a crash at any point. Throws
   * when a store does not answer; what it holds stays named by its row.
   */
  async cleanUp(id: string, signal?: AbortSignal): Promise<void> {
    const dataset = await this.#datasets.load(id);
    if (dataset === undefined || dataset.deletedAt === null) return;
    await this.#spools.release(id, async () => true);
    const replicas = await this.#replicas.ofDataset(id);
    for (const replica of replicas) await this.#cleaner.removeManifest(replica, signal);
    const outcomes = await Promise.allSettled(replicas.map((replica) => this.#cleaner.removeReplica(replica, signal)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    await this.#db.transaction((tx) => this.#datasets.removeDeleted(tx, id));
  }
}
