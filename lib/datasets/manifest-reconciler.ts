import { text } from 'node:stream/consumers';
import type { DatasetRemover } from '@/lib/datasets/dataset-remover.ts';
import type { DatasetRepository, NewDataset } from '@/lib/datasets/dataset-repository.ts';
import type { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import { decodeManifest, type Manifest, type ManifestReplica } from '@/lib/datasets/manifest.ts';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import type { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { type IntegrityKeys, identityOf } from '@/lib/placement/integrity.ts';
import { datasetIdOfManifest, isManifestKey } from '@/lib/placement/manifest-key.ts';
import type { ReplicaRepository, RestoredReplica } from '@/lib/placement/replica-repository.ts';
import type { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';
import type { SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import type { TombstoneRepository } from '@/lib/placement/tombstone-repository.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, StorageService } from '@/lib/storage/storage-service.ts';

export interface ManifestReconcilerParts {
  db: Database;
  datasets: DatasetRepository;
  replicas: ReplicaRepository;
  spools: SpoolRepository;
  keeper: SpoolKeeper;
  idempotency: IdempotencyRepository;
  uploads: UploadRepository;
  tombstones: TombstoneRepository;
  remover: DatasetRemover;
  files: ManifestFiles;
  registry: StoreRegistry;
  keys: IntegrityKeys;
  installationId: string;
  log: Logger;
}

/** What became of a manifest or tombstone. */
export type Reconciled = 'known' | 'restored' | 'deleted' | 'refuted' | 'undecided';

/** What is really there of what a manifest says. */
interface Evidence {
  spool: boolean;
  objects: { replica: ManifestReplica; stat: ObjectStat }[];
  /** A store did not answer: absence proves nothing then. */
  unsure: boolean;
}

/**
 * Compares manifests with rows at start. A row that the database lost comes back, a deletion that it lost is done
 * again, and nothing that was deleted returns: see "Delete" in docs/datasets.md.
 */
export class ManifestReconciler {
  readonly #parts: ManifestReconcilerParts;

  constructor(parts: ManifestReconcilerParts) {
    this.#parts = parts;
  }

  /** Every manifest and tombstone of this host's spool directory. */
  async reconcileHost(): Promise<void> {
    const { files, log } = this.#parts;
    const ids = new Set([...(await files.manifestIds()), ...(await files.tombstoneIds())]);
    for (const id of ids) {
      const outcome = await this.#reconcileLocal(id);
      if (outcome !== 'known') log.warn({ datasetId: id, outcome }, 'a manifest and the database disagreed');
    }
  }

  /** A manifest from anywhere. `refuted`: nothing of what it names is there, so it may go. */
  async reconcile(manifest: Manifest): Promise<Reconciled> {
    const { datasets, files, tombstones, installationId } = this.#parts;
    const { id } = manifest.dataset;
    if (manifest.installation_id !== installationId) return 'refuted';
    if (await datasets.exists(id)) return 'known';
    // Somebody else deleted the row, and what is left is being cleared away: nothing is to be brought back for that.
    if (await tombstones.isBeingCleared(id)) return 'deleted';
    const deleted = (await files.isBuried(id)) || (await tombstones.namesDataset(id));
    return this.#restore(manifest, deleted);
  }

  /**
   * Every manifest that lies beside an object of this store. For a start after a crash, beside running requests: it
   * reads the whole listing. Returns how many rows came back.
   */
  async reconcileStore(service: StorageService, signal?: AbortSignal): Promise<number> {
    let restored = 0;
    for (let cursor: string | undefined; ; ) {
      const page = await service.list('', { cursor, signal });
      for (const { key } of page.objects) {
        if (isManifestKey(key) && (await this.#reconcileObject(service, key, signal)) === 'restored') restored += 1;
      }
      if (page.nextCursor === undefined) return restored;
      cursor = page.nextCursor;
    }
  }

  async #reconcileObject(service: StorageService, key: string, signal: AbortSignal | undefined): Promise<Reconciled> {
    const { datasets, keys, log } = this.#parts;
    if (await datasets.exists(datasetIdOfManifest(key))) return 'known';
    const { body } = await service.get(key, { signal });
    const manifest = decodeManifest(await text(body), keys);
    if (manifest === undefined) return 'undecided';
    const outcome = await this.reconcile(manifest);
    if (outcome === 'refuted') await service.delete(key, { allVersions: true, signal });
    log.warn({ datasetId: manifest.dataset.id, outcome }, 'a manifest in a store and the database disagreed');
    return outcome;
  }

  async #reconcileLocal(id: string): Promise<Reconciled> {
    const { files } = this.#parts;
    const manifest = await files.read(id);
    const outcome = manifest === undefined ? 'known' : await this.reconcile(manifest);
    if (outcome === 'refuted' || outcome === 'deleted') await files.remove(id);
    const redone = (await files.isBuried(id)) && (await this.#deleteAgain(id));
    return redone ? 'deleted' : outcome;
  }

  /** The answer to a deletion was given; the database may have lost it. */
  async #deleteAgain(id: string): Promise<boolean> {
    const { db, remover, files } = this.#parts;
    const marked = await db.transaction((tx) => remover.mark(tx, id));
    if (marked) await files.remove(id);
    return marked;
  }

  async #restore(manifest: Manifest, deleted: boolean): Promise<Reconciled> {
    const evidence = await this.#evidence(manifest);
    if (!evidence.spool && evidence.objects.length === 0) return evidence.unsure ? 'undecided' : 'refuted';
    await this.#parts.db.transaction((tx) => this.#insert(tx, manifest, evidence, deleted));
    return deleted ? 'deleted' : 'restored';
  }

  async #insert(tx: Transaction, manifest: Manifest, evidence: Evidence, deleted: boolean): Promise<void> {
    const { datasets, replicas, spools, idempotency, uploads, remover } = this.#parts;
    const { id: datasetId, user_id: userId, object_sha256: objectSha256 } = manifest.dataset;
    const row = rowOfManifest(manifest);
    await datasets.insert(tx, row, manifest.report);
    const fileName = manifest.spool_file ?? spools.absentFileName(datasetId);
    const sizeBytes = manifest.dataset.file_size_bytes;
    await spools.insertFree(tx, { datasetId, userId, fileName, sizeBytes, objectSha256, attempt: row.attempt });
    await replicas.restore(
      tx,
      manifest.replicas.map((replica) => restoredReplica(manifest, replica, evidence)),
    );
    if (deleted) {
      await remover.mark(tx, datasetId);
      return;
    }
    const { idempotency: bound, upload_id: uploadId } = manifest;
    if (bound !== null) {
      await idempotency.bind(tx, userId, { key: bound.key, requestSha256: bound.request_sha256, datasetId });
    }
    if (uploadId !== null) await uploads.restore(tx, { id: uploadId, userId, datasetId });
  }

  async #evidence(manifest: Manifest): Promise<Evidence> {
    const evidence: Evidence = { spool: await this.#hasSpoolFile(manifest), objects: [], unsure: false };
    for (const replica of manifest.replicas) {
      const stat = await this.#statOf(manifest, replica);
      if (stat === 'unsure') evidence.unsure = true;
      else if (stat !== 'absent') evidence.objects.push({ replica, stat });
    }
    return evidence;
  }

  async #hasSpoolFile(manifest: Manifest): Promise<boolean> {
    const { keeper } = this.#parts;
    if (manifest.spool_file === null) return false;
    return keeper.hasFile(manifest.spool_file, manifest.dataset.file_size_bytes);
  }

  /** The object that a manifest names, if it is there and carries our signature for this very dataset. */
  async #statOf(manifest: Manifest, replica: ManifestReplica): Promise<ObjectStat | 'absent' | 'unsure'> {
    const { registry, keys, log } = this.#parts;
    const { id, user_id: userId, object_sha256 } = manifest.dataset;
    try {
      const service = await registry.resolve({ ...replica, secretId: replica.secret_id, userId });
      const stat = await service.stat(replica.object_key);
      const identity = identityOf(stat.metadata, keys);
      return identity?.datasetId === id && identity.objectSha256 === object_sha256 ? stat : 'absent';
    } catch (error) {
      if (!StorageError.is(error) && !(error instanceof LongshoreError)) throw error;
      if (StorageError.is(error, 'not_found')) return 'absent';
      log.warn({ err: error, datasetId: id }, 'a store could not be asked about an object');
      return 'unsure';
    }
  }
}

/** The row that a manifest speaks of, as `uploading` under a new attempt. */
export function rowOfManifest({
  dataset,
  block_index: blockIndex,
  replicas,
}: Manifest): NewDataset & { attempt: number } {
  const [main] = replicas;
  return {
    id: dataset.id,
    userId: dataset.user_id,
    name: dataset.name,
    description: dataset.description,
    format: dataset.format,
    kind: dataset.kind as NewDataset['kind'],
    status: 'uploading',
    storagePath: main?.object_key ?? '',
    storageProvider: main?.provider,
    fileSizeBytes: dataset.file_size_bytes,
    originalSizeBytes: dataset.original_size_bytes,
    contentSizeBytes: dataset.content_size_bytes,
    totalExamples: dataset.total_examples,
    avgInputLength: dataset.avg_input_length,
    avgOutputLength: dataset.avg_output_length,
    contentSha256: dataset.content_sha256,
    objectSha256: dataset.object_sha256,
    sourceSha256: dataset.source_sha256,
    blockIndex,
    metadata: dataset.metadata,
    // Whoever still works under the attempt of the manifest is fenced.
    attempt: dataset.attempt + 1,
    createdAt: new Date(dataset.created_at),
  };
}

function restoredReplica({ dataset }: Manifest, replica: ManifestReplica, evidence: Evidence): RestoredReplica {
  const found = evidence.objects.find((object) => object.replica === replica);
  return {
    datasetId: dataset.id,
    userId: dataset.user_id,
    provider: replica.provider,
    endpoint: replica.endpoint,
    region: replica.region,
    bucket: replica.bucket,
    secretId: replica.secret_id,
    objectKey: replica.object_key,
    generation: replica.generation,
    versionId: replica.version_id,
    stored: found === undefined ? undefined : { sizeBytes: found.stat.sizeBytes, objectSha256: dataset.object_sha256 },
  };
}
