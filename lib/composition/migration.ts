import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import { composeBaseStore } from '@/lib/composition/base-store.ts';
import type { PlacementParts } from '@/lib/composition/placement.ts';
import { composeStores, type StoresGround } from '@/lib/composition/stores.ts';
import type { Config } from '@/lib/config/config.ts';
import { requireMigrationDatabase } from '@/lib/config/migration-database.ts';
import type { Database } from '@/lib/db/database.ts';
import type { LongshoreEvent } from '@/lib/http/events.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import { CopyRemains } from '@/lib/migration/engine/copy-remains.ts';
import { ItemJournal } from '@/lib/migration/engine/item-journal.ts';
import { ItemRunner } from '@/lib/migration/engine/item-runner.ts';
import { ObjectCopier } from '@/lib/migration/engine/object-copier.ts';
import type { SessionTiming } from '@/lib/migration/engine/run-session.ts';
import { RunWorker } from '@/lib/migration/engine/run-worker.ts';
import { Settler } from '@/lib/migration/engine/settler.ts';
import { StorePressure } from '@/lib/migration/engine/store-pressure.ts';
import { RemovalRepository } from '@/lib/migration/removals/removal-repository.ts';
import { RemovalService } from '@/lib/migration/removals/removal-service.ts';
import { RemovalWorker } from '@/lib/migration/removals/removal-worker.ts';
import { ItemQueries } from '@/lib/migration/runs/item-queries.ts';
import { MigrationService } from '@/lib/migration/runs/migration-service.ts';
import { Planner } from '@/lib/migration/runs/planner.ts';
import { RunChecker } from '@/lib/migration/runs/run-checker.ts';
import { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import { RunRollback } from '@/lib/migration/runs/run-rollback.ts';
import type { MigrationRun } from '@/lib/migration/types.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import type { IntegrityKeys } from '@/lib/placement/integrity.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import type { LayerOptions } from '@/lib/storage/layers/compose-layers.ts';

export interface MigrationGround {
  config: Pick<Config, 'supabase' | 'database'>;
  db: Database;
  /** The stores as interactive work calls them: whoever waits for an answer is not behind a bulk copy. */
  registry: StoreRegistry;
  /** The same stores as bulk copies call them, and who is told when they ask for patience. */
  bulk: BulkStores;
  placed: PlacementParts;
  jobs: JobQueue;
  keys: IntegrityKeys;
  installationId: string;
  audit: AuditLog;
  tellAdmins(event: LongshoreEvent): void;
  log: Logger;
  timing?: Partial<SessionTiming>;
  /** Decides when a list of copies may be applied. Default: the system's clock. */
  now?: () => Date;
}

export interface BulkStores {
  registry: StoreRegistry;
  pressure: StorePressure;
}

/** A rollback's copies were out of use from the moment of the rollback; what the base store has was in use until s3_primary. */
const WAIT_DAYS = { rollback: 0, purge_base: 7 };
const TIMING: SessionTiming = { leaseMs: 30_000, pulseMs: 1000, idleMs: 2000 };

/**
 * Many objects at a time, a few repeats close to the store (the item itself waits longer), and patience with slow bodies:
 * under a bandwidth limit a piece takes its time.
 */
export function bulkLayers(pressure: StorePressure): LayerOptions {
  return {
    retry: { maxAttempts: 3 },
    limit: { maxPuts: 256, maxGets: 512, maxRequests: 256 },
    timeout: { idleTimeoutMs: 600_000 },
    breaker: { failures: 64 },
    observer: pressure,
  };
}

export function composeBulkStores(ground: Omit<StoresGround, 'layers' | 'config'> & { config: Config }): BulkStores {
  const pressure = new StorePressure();
  const layers = bulkLayers(pressure);
  const { config, files, operatorGuard } = ground;
  const baseStore = composeBaseStore(config, files, operatorGuard, layers);
  return { registry: composeStores({ ...ground, baseStore, layers }), pressure };
}

/** Everything that moves what exists. */
export type MigrationParts = ReturnType<typeof composeMigration>;

export function composeMigration(ground: MigrationGround) {
  const { config, db, registry, placed, jobs, log } = ground;
  const runs = new RunRepository(db);
  const items = new ItemQueries(db);
  const planner = new Planner({ db, registry, replicas: placed.replicas });
  const notify = (run: MigrationRun, type: 'progress' | 'updated') => {
    ground.tellAdmins({ topic: 'migration', type, subject: run.id, data: { state: run.state } });
  };
  const audit = ground.audit.write.bind(ground.audit);
  const rollback = new RunRollback({ db, runs, replicas: placed.replicas });
  const service = new MigrationService({
    ...{ db, runs, items, planner, rollback, jobs, audit },
    requireDatabase: () => requireMigrationDatabase(config),
    notify: (run) => notify(run, 'updated'),
  });
  const engine = composeEngine(ground);
  const timing = { ...TIMING, ...ground.timing };
  const pressure = ground.bulk.pressure;
  const worker = new RunWorker({ ...engine, runs, planner, pressure, log, timing, notify });
  const checker = new RunChecker({ db, runs, replicas: placed.replicas, verifier: placed.verifier });
  return { runs, items, planner, service, worker, checker, ...composeRemovals(ground, runs) };
}

function composeRemovals(ground: MigrationGround, runs: RunRepository) {
  const { db, placed, jobs, now = () => new Date() } = ground;
  const { replicas, verifier, deleter, phases } = placed;
  const repository = new RemovalRepository(db);
  const audit = ground.audit.write.bind(ground.audit);
  const phase = async () => (await phases.current()).phase;
  return {
    removals: new RemovalService({ db, removals: repository, runs, jobs, phase, audit, now }),
    removalWorker: new RemovalWorker({
      ...{ db, removals: repository, replicas, verifier, deleter, now },
      waitDays: WAIT_DAYS,
    }),
  };
}

function composeEngine({ db, bulk, placed, keys, installationId }: MigrationGround) {
  const { replicas, verifier, sentinels } = placed;
  const { registry } = bulk;
  const journal = new ItemJournal(db);
  const remains = new CopyRemains({ registry, replicas });
  const copier = new ObjectCopier({ registry, sentinels, journal, remains, keys, installationId });
  const runner = new ItemRunner({ db, registry, replicas, verifier, journal, copier, remains });
  return { journal, remains, runner, settler: new Settler({ db, replicas }) };
}
