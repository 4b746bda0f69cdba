import type { PlacementGround, PlacementParts } from '@/lib/composition/placement.ts';
import { Admission } from '@/lib/datasets/admission.ts';
import { Caretaker } from '@/lib/datasets/caretaker.ts';
import type { DatasetAudit } from '@/lib/datasets/dataset-audit.ts';
import { DatasetCreator } from '@/lib/datasets/dataset-creator.ts';
import { DatasetFinisher } from '@/lib/datasets/dataset-finisher.ts';
import { DatasetIntake, type IntakeLimits } from '@/lib/datasets/dataset-intake.ts';
import { DatasetReader } from '@/lib/datasets/dataset-reader.ts';
import { DatasetRemover } from '@/lib/datasets/dataset-remover.ts';
import { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { DatasetService } from '@/lib/datasets/dataset-service.ts';
import { DiskBudget } from '@/lib/datasets/disk-budget.ts';
import { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import { Janitor } from '@/lib/datasets/janitor.ts';
import { LeaseKeeper } from '@/lib/datasets/lease-keeper.ts';
import { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import { ManifestPublisher } from '@/lib/datasets/manifest-publisher.ts';
import { ManifestRebuilder } from '@/lib/datasets/manifest-rebuilder.ts';
import { ManifestReconciler } from '@/lib/datasets/manifest-reconciler.ts';
import { ManifestSweeper } from '@/lib/datasets/manifest-sweeper.ts';
import { ManifestWriter } from '@/lib/datasets/manifest-writer.ts';
import { ReadTrail } from '@/lib/datasets/read-trail.ts';
import { UploadFiles } from '@/lib/datasets/uploads/upload-files.ts';
import { UploadProcessor } from '@/lib/datasets/uploads/upload-processor.ts';
import { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import { UploadService } from '@/lib/datasets/uploads/upload-service.ts';
import { newId } from '@/lib/db/ids.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import { ReplicaReader } from '@/lib/placement/replica-reader.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { DatasetUrlService } from '@/lib/training/dataset-url-service.ts';
import { DownloadLinks } from '@/lib/training/download-links.ts';

export interface DatasetsGround extends PlacementGround {
  /** See DatabaseHandle. */
  keepsStatements?: boolean;
  log: Logger;
  pool: IngestPool;
  audit: DatasetAudit;
  /** How many copies an answer waits for, and how long it waits for the others. */
  rules: { requiredCopies: number; waitMs: number };
  limits: IntakeLimits & { ingestConcurrency: number; diskReserveBytes: number };
  uploadsFolder: string;
  /** Stores whose manifests are compared with the rows after a crash. */
  manifestStores: readonly StorageService[];
  /** Removes what killed processes left in the store on this machine's disk. */
  sweepStore?: () => Promise<number>;
  /** Tells the pages of a user that something changed. */
  notify: (userId: string, event: { topic: 'dataset' | 'upload'; type: string; subject: string }) => void;
  /** Reads a dataset whose hash nobody knows yet; harmless for others. */
  learn?: (datasetId: string, signal?: AbortSignal) => Promise<void>;
  timing?: { sweepMs?: number; tidyMs?: number; storeMs?: number; manifestGraceMs?: number };
  now?: () => Date;
}

/** An upload that received nothing for so long is given up. */
const UPLOAD_EXPIRY_MS = 24 * 60 * 60 * 1000;

/** Everything that makes, keeps, reads and ends datasets. */
export type DatasetParts = Awaited<ReturnType<typeof composeDatasets>>;

export async function composeDatasets(ground: DatasetsGround, placed: PlacementParts) {
  const rows = composeRows(ground);
  const making = composeMaking(ground, placed, rows);
  const intake = await composeIntake(ground, placed, rows, making);
  const reading = composeReading(ground, placed, rows, making);
  return {
    ...rows,
    ...making,
    ...intake,
    ...reading,
    caretaker: composeCaretaker(ground, placed, rows, making, intake),
  };
}

type Rows = ReturnType<typeof composeRows>;
type Making = ReturnType<typeof composeMaking>;
type Intake = Awaited<ReturnType<typeof composeIntake>>;

function composeRows({ db, directory, keys }: DatasetsGround) {
  return {
    datasets: new DatasetRepository(db),
    idempotency: new IdempotencyRepository(db, directory),
    uploads: new UploadRepository(db, directory),
    files: new ManifestFiles(directory.manifestFolder, keys),
  };
}

function composeMaking(ground: DatasetsGround, placed: PlacementParts, rows: Rows) {
  const { db, directory, registry, keys, installationId, log, jobs, rules, audit } = ground;
  const { datasets, idempotency, uploads, files } = rows;
  const { replicas, spools, keeper, placement, reconciler, deleter, cleaner, tombstones, writer } = placed;
  const now = ground.now ?? (() => new Date());
  const manifests = new ManifestWriter({ files, registry, keys });
  const rebuilder = new ManifestRebuilder({ datasets, replicas, idempotency, uploads, installationId });
  const leases = new LeaseKeeper(spools, leaseWarning(log));
  const removed = { db, datasets, replicas, deleter, cleaner, spools: keeper, files, idempotency, uploads };
  const remover = new DatasetRemover({ ...removed, jobs, audit });
  const stored = { datasets, replicas, writer, manifests, placement, reconciler, idempotency, uploads };
  const finisher = new DatasetFinisher({ ...stored, rules, audit });
  const creator = new DatasetCreator({
    ...{ db, datasets, replicas, spools, directory, files, idempotency, uploads, leases, placement },
    ...{ finisher, remover, installationId, newId, now },
  });
  const janitor = new Janitor({
    ...{ db, datasets, spools, keeper, directory, leases, manifests: rebuilder, finisher, remover, reconciler },
    ...{ log, now },
  });
  const manifestReconciler = new ManifestReconciler({
    ...{ db, datasets, replicas, spools, keeper, idempotency, uploads, tombstones, remover, files, registry },
    ...{ keys, installationId, log },
  });
  return { manifests, rebuilder, leases, remover, finisher, creator, janitor, manifestReconciler, now };
}

async function composeIntake(ground: DatasetsGround, placed: PlacementParts, rows: Rows, making: Making) {
  const { directory, limits, log, pool, notify } = ground;
  const { idempotency, uploads } = rows;
  const { creator, now } = making;
  const { placement } = placed;
  const disk = new DiskBudget({ folder: directory.workFolder, reserveBytes: limits.diskReserveBytes });
  const admission = new Admission({ disk, concurrency: limits.ingestConcurrency });
  const keyLeases = new LeaseKeeper(idempotency.leases(), leaseWarning(log));
  const intake = new DatasetIntake({
    ...{ admission, pool, placement, directory, creator, idempotency, keyLeases, limits, notify },
  });
  const uploadFiles = await UploadFiles.open(ground.uploadsFolder);
  const processor = new UploadProcessor({
    ...{ uploads, files: uploadFiles, intake, log, now },
    leases: new LeaseKeeper(uploads.leases(), leaseWarning(log)),
    isDead: (owner) => directory.isDead(owner),
    onSettled: ({ userId, id, status }) => notify(userId, { topic: 'upload', type: status, subject: id }),
  });
  const { maxUploadBytes } = limits;
  const bounds = { maxUploadBytes, expiryMs: UPLOAD_EXPIRY_MS };
  const uploadService = new UploadService({ uploads, files: uploadFiles, processor, disk, ...bounds });
  return { admission, intake, processor, uploadService };
}

function composeReading(ground: DatasetsGround, placed: PlacementParts, { datasets }: Rows, making: Making) {
  const { db, registry, jobs, log, notify, keepsStatements, audit } = ground;
  const { replicas, phases, verifier, reconciler, cleaner } = placed;
  const { remover, manifests, rebuilder, now } = making;
  const replicaReader = new ReplicaReader({ replicas, phases, registry, jobs });
  const reader = new DatasetReader({ datasets, replicas: replicaReader });
  const { learn } = ground;
  const publisher = new ManifestPublisher({ datasets, replicas, manifests, rebuilder, cleaner, jobs });
  const trail = new ReadTrail({ audit, log, now });
  const parts = { db, datasets, replicas, reader, remover, verifier, reconciler, manifests: publisher };
  const service = new DatasetService({ ...parts, notify, learn, audit, trail });
  const urls = new DatasetUrlService({ db, keepsStatements, replicas: replicaReader, registry, now });
  return { service, publisher, trail, urls, links: new DownloadLinks(urls, trail) };
}

function composeCaretaker(
  ground: DatasetsGround,
  { spools, tombstones }: PlacementParts,
  { datasets, files, idempotency }: Rows,
  { janitor, manifestReconciler, now }: Making,
  { admission, processor, uploadService }: Intake,
): Caretaker {
  const { log, timing, manifestStores, sweepStore, directory } = ground;
  const sweeper = new ManifestSweeper({ files, datasets, spools, now, graceMs: timing?.manifestGraceMs });
  return new Caretaker({
    ...{ admission, janitor, manifests: manifestReconciler, sweeper, uploads: uploadService, processor },
    ...{ idempotency, tombstones, log, timing, manifestStores, sweepStore, afterCrash: directory.foundDead },
  });
}

function leaseWarning(log: Logger): (error: unknown) => void {
  return (error) => log.warn({ err: error }, 'a lease could not be renewed');
}
