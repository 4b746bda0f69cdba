import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { type DatasetDraft, type DatasetRow, draftRow } from '@/lib/datasets/dataset-draft.ts';
import type { DatasetFinisher, UnfinishedDataset } from '@/lib/datasets/dataset-finisher.ts';
import type { DatasetRemover } from '@/lib/datasets/dataset-remover.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import type { LeaseKeeper } from '@/lib/datasets/lease-keeper.ts';
import { plannedReplica } from '@/lib/datasets/manifest.ts';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import { manifestOf } from '@/lib/datasets/manifest-writer.ts';
import { problemOfFailure } from '@/lib/datasets/upload-problem.ts';
import type { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import type { Database } from '@/lib/db/database.ts';
import type { IdGenerator } from '@/lib/db/ids.ts';
import type { Placement, Wanted } from '@/lib/placement/placement.ts';
import { isFenced } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import type { SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';
import { fileBody } from '@/lib/streams/replayable-body.ts';

export interface DatasetCreatorParts {
  db: Database;
  datasets: DatasetRepository;
  replicas: ReplicaRepository;
  spools: SpoolRepository;
  directory: SpoolDirectory;
  files: ManifestFiles;
  idempotency: IdempotencyRepository;
  uploads: UploadRepository;
  leases: LeaseKeeper;
  placement: Placement;
  finisher: DatasetFinisher;
  remover: DatasetRemover;
  installationId: string;
  newId: IdGenerator;
  now: () => Date;
}

/** How soon the janitor may go on with what a request could not finish. */
const RETRY_MS = 1_000;

/** Makes a dataset of what ingest left in the spool: steps 2 to 7 of docs/datasets.md. */
export class DatasetCreator {
  readonly #parts: DatasetCreatorParts;

  constructor(parts: DatasetCreatorParts) {
    this.#parts = parts;
  }

  /**
   * Resolves once the dataset is ready and will survive. Takes over the spool file: whatever happens, it is a row's or
   * gone. When no store takes a copy, everything is removed again before the store's error is thrown, unless the draft
   * came by TUS: then its bytes are worth keeping, and the janitor goes on.
   * @throws bucket_required, StorageError, fenced
   */
  async create(draft: DatasetDraft): Promise<DatasetJson> {
    const { placement, newId, now } = this.#parts;
    const id = newId();
    const dataset = await this.#orNothing(id, draft, async () => {
      const wanted = await placement.wanted(draft.userId);
      return this.#begin(draft, draftRow(draft, id, now(), wanted.targets), wanted);
    });
    const lease = this.#parts.leases.hold(dataset.id);
    try {
      return await this.#finish(draft, { ...dataset, signal: lease.signal });
    } finally {
      lease.release();
    }
  }

  /** Steps 2 and 3: the intent, on disk and in the database. */
  async #begin(draft: DatasetDraft, row: DatasetRow, wanted: Wanted): Promise<Omit<UnfinishedDataset, 'signal'>> {
    const { files, directory, installationId } = this.#parts;
    const manifest = manifestOf(
      row,
      wanted.targets.map((target) => plannedReplica(target, row.userId, row.id)),
      {
        installationId,
        report: draft.report,
        spoolFile: directory.fileNameOf(draft.spooled.path),
        idempotency: draft.idempotency,
        uploadId: draft.uploadId,
      },
    );
    const sha256 = draft.spooled.objectSha256;
    const body = { ...(await fileBody(draft.spooled.path)), sha256 };
    await files.write(manifest);
    await this.#insert(draft, row, wanted);
    return { id: row.id, userId: row.userId, attempt: row.attempt, manifest, body };
  }

  async #insert(draft: DatasetDraft, row: DatasetRow, wanted: Wanted): Promise<void> {
    const { db, datasets, spools, replicas, idempotency, uploads, directory } = this.#parts;
    const { id: datasetId, userId, attempt } = row;
    const { objectSha256, objectSizeBytes: sizeBytes } = draft.spooled;
    const fileName = directory.fileNameOf(draft.spooled.path);
    await db.transaction(async (tx) => {
      await datasets.insert(tx, row, draft.report);
      await spools.insert(tx, { datasetId, userId, fileName, sizeBytes, objectSha256, attempt });
      await replicas.insertPending(
        tx,
        wanted.targets.map((target) => ({ datasetId, userId, target })),
      );
      if (draft.idempotency !== null) await idempotency.bind(tx, userId, { ...draft.idempotency, datasetId });
      if (draft.uploadId !== null) await uploads.bind(tx, draft.uploadId, datasetId);
    });
  }

  async #finish(draft: DatasetDraft, dataset: UnfinishedDataset): Promise<DatasetJson> {
    const { finisher, remover, spools } = this.#parts;
    try {
      await finisher.store(dataset);
    } catch (error) {
      if (isFenced(error)) throw error;
      if (draft.uploadId === null) await remover.discard(dataset.id, dataset.attempt, problemOfFailure(error));
      else await spools.letGo(dataset.id, RETRY_MS);
      throw error;
    }
    try {
      return await finisher.commit(dataset);
    } catch (error) {
      await spools.letGo(dataset.id, RETRY_MS);
      throw error;
    }
  }

  /** Until the intent is in the database its files are ours alone. Where nobody knows whether it is, they stay. */
  async #orNothing<T>(id: string, draft: DatasetDraft, begin: () => Promise<T>): Promise<T> {
    const { directory, datasets, files } = this.#parts;
    try {
      return await begin();
    } catch (error) {
      if (!(await datasets.exists(id))) {
        await files.remove(id);
        await directory.remove(directory.fileNameOf(draft.spooled.path));
      }
      throw error;
    }
  }
}
