import { join } from 'node:path';
import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { Accounts } from '@/lib/composition/accounts.ts';
import { type AdoptionParts, composeAdoption } from '@/lib/composition/adoption.ts';
import { Background } from '@/lib/composition/background.ts';
import type { Closing } from '@/lib/composition/closing.ts';
import { composeDatasets, type DatasetParts } from '@/lib/composition/datasets.ts';
import { composeDeploy, composeTargets, type DeployParts } from '@/lib/composition/deploy.ts';
import { composeEstimator } from '@/lib/composition/estimate.ts';
import type { Files } from '@/lib/composition/files.ts';
import { type BulkStores, composeMigration, type MigrationParts } from '@/lib/composition/migration.ts';
import { composeOrphans } from '@/lib/composition/orphans.ts';
import { composePlacement, type PlacementParts } from '@/lib/composition/placement.ts';
import { composeReplicaWatch } from '@/lib/composition/replica-watch.ts';
import { composeTraining, type TrainingParts } from '@/lib/composition/training.ts';
import type { Config } from '@/lib/config/config.ts';
import type { MasterKeys } from '@/lib/config/master-key.ts';
import type { OrphanService } from '@/lib/datasets/orphans/orphan-service.ts';
import type { DatabaseHandle } from '@/lib/db/database.ts';
import type { EventHub } from '@/lib/http/events.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import type { Estimator } from '@/lib/migration/estimate/estimate.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import type { InstallationStores } from '@/lib/placement/installation-stores.ts';
import { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import { StorageHistory } from '@/lib/placement/storage-history.ts';
import { StoreHealthMonitor } from '@/lib/placement/store-health.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { MachineEnder } from '@/lib/training/deploy/machine-ender.ts';

/** Datasets and everything they stand on: placement, jobs. */
export interface DataPlane {
  readonly placement: PlacementParts;
  readonly datasets: DatasetParts;
  readonly adoption: AdoptionParts;
  readonly estimator: Estimator;
  readonly migration: MigrationParts;
  readonly jobs: JobQueue;
  readonly training: TrainingParts;
  readonly orphans: OrphanService;
  readonly health: StoreHealthMonitor;
  readonly storageHistory: StorageHistory;
  readonly deploy: DeployParts;
}

export interface DataPlaneGround {
  config: Config;
  log: Logger;
  keys: MasterKeys;
  database: DatabaseHandle;
  installationId: string;
  files: Files;
  events: EventHub;
  secrets: Secrets;
  audit: AuditLog;
  /** Where an application from before Longshore keeps its objects. */
  baseStore: StorageService;
  /** Where workers reach this installation. */
  baseUrl: URL;
  accounts: Accounts;
  registry: InstallationStores;
  bulk: BulkStores;
  /** For addresses that users gave. */
  guard: EndpointGuard;
  /** For addresses that the operator set. */
  operatorGuard: EndpointGuard;
  closing: Closing;
}

/** A request to a store that began so long ago has ended, one way or the other. */
const LONGEST_REQUEST_MS = 6 * 60 * 60 * 1000;
/** One copy is enough for an answer; the others get this long after it before they become a job. */
const RULES = { requiredCopies: 1, waitMs: 20_000 };

/** Opens the spool, recovers what an earlier process left, and starts the background work. */
export async function composeDataPlane(ground: DataPlaneGround): Promise<DataPlane> {
  const { config, database, log, closing, files, installationId } = ground;
  const { db } = database;
  const directory = await SpoolDirectory.open(config.spoolDir, installationId);
  closing.add(() => directory.close());
  const pool = new IngestPool({ threads: config.limits.ingestThreads });
  closing.add(() => pool.close());
  const jobs = new JobQueue(db);
  const parts = {
    ...{ db, directory, jobs, log, pool, installationId, rules: RULES, audit: ground.audit },
    keepsStatements: database.keepsStatements,
    registry: ground.registry,
    keys: integrityKeys(ground.keys),
    longestRequestMs: LONGEST_REQUEST_MS,
    scrub: config.scrub,
    watch: composeReplicaWatch({ audit: ground.audit, events: ground.events, jobs }),
    limits: config.limits,
    uploadsFolder: join(config.dataDir, 'uploads'),
    manifestStores: [files.store],
    sweepStore: () => files.sweep(),
    notify: ground.events.publish.bind(ground.events),
  };
  const placement = composePlacement(parts);
  const adoption = composeAdoption({ ...ground, db, placed: placement, pool, jobs });
  const learn = async (id: string, signal?: AbortSignal) => void (await adoption.inspector.inspect(id, signal));
  const estimator = composeEstimator({ ...ground, db, placed: placement });
  const datasets = await composeDatasets({ ...parts, learn }, placement);
  closing.add(() => datasets.trail.flush());
  const migration = composeMigration({
    ...{ config, db, jobs, log, installationId, placed: placement },
    ...{ registry: ground.registry, bulk: ground.bulk, keys: parts.keys, audit: ground.audit },
    tellAdmins: (event) => ground.events.publishToAdmins(event),
  });
  const targets = composeTargets(ground);
  const resources = new MachineEnder({ targets });
  const training = composeTraining({ ...ground, db, jobs, resources }, placement, datasets);
  const deploy = composeDeploy({ ...ground, db, jobs, targets }, placement, datasets, training);
  const now = () => new Date();
  const health = new StoreHealthMonitor(ground.registry, now);
  const storageHistory = new StorageHistory({ db, health, now });
  const background = new Background({
    ...{ db, queue: jobs, log, placed: placement, datasets, migration, secrets: ground.secrets, training, deploy },
    adoption: { inspector: adoption.inspector, readings: adoption.readings, sweep: adoption.sweepOf(datasets) },
    storageHistory,
    scrubIntervalMs: config.scrub.intervalMs,
    jobLogRetentionMs: config.jobLogRetentionMs,
    tellAdmins: (event) => ground.events.publishToAdmins(event),
    tell: ground.events.publish.bind(ground.events),
  });
  const own = () => ground.registry.own().map(({ service }) => service);
  const orphans = composeOrphans({ ...parts, own, files: datasets.files, audit: ground.audit }, placement);
  closing.add(() => datasets.caretaker.stop());
  await datasets.caretaker.start();
  closing.add(() => background.stop());
  await background.start();
  closing.add(() => training.stop());
  training.start();
  const work = { adoption, estimator, migration, jobs, orphans, training, deploy };
  return { placement, datasets, ...work, health, storageHistory };
}

/** What was signed under a replaced master key still verifies. */
export function integrityKeys(keys: MasterKeys): IntegrityKeys {
  return new IntegrityKeys([keys.derive('manifest'), ...keys.previous.map((key) => keys.derive('manifest', key))]);
}
