/** One process that takes part in migrations: the engine over real stores and a real database, without the server around it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { bulkLayers, composeMigration, type MigrationParts } from '@/lib/composition/migration.ts';
import { composePlacement, type PlacementParts } from '@/lib/composition/placement.ts';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import type { SessionTiming } from '@/lib/migration/engine/run-session.ts';
import { StorePressure } from '@/lib/migration/engine/store-pressure.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { InstallationStores } from '@/lib/placement/installation-stores.ts';
import { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { composeLayers, type LayerOptions } from '@/lib/storage/layers/compose-layers.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import type { SupabaseStoreConfig } from '@/lib/storage/supabase-config.ts';
import { SupabaseStorageService } from '@/lib/storage/supabase-storage-service.ts';
import { StoreAs } from '../store-as.ts';

export interface NodeSettings {
  databaseUrl: string;
  /** A Supabase project; or an S3 bucket that stands for one, where another program must reach both sides too. */
  base: { supabase: SupabaseStoreConfig } | { s3: S3StoreConfig };
  bucket: S3StoreConfig;
  timing?: Partial<SessionTiming>;
  layers?: LayerOptions;
}

export const TEST_INSTALLATION = 'installation-1';
export const TEST_KEYS = new IntegrityKeys([Buffer.alloc(32, 7)]);

export interface MigrationNode {
  readonly handle: DatabaseHandle;
  readonly placed: PlacementParts;
  readonly migration: MigrationParts;
  readonly jobs: JobQueue;
  readonly base: StorageService;
  readonly bucket: StorageService;
  close(): Promise<void>;
}

const FAST: Partial<SessionTiming> = { pulseMs: 50, idleMs: 50, leaseMs: 1500 };

export async function openMigrationNode(settings: NodeSettings): Promise<MigrationNode> {
  const handle = await openDatabase({ url: settings.databaseUrl, poolSize: 6 });
  const { db } = handle;
  const folder = await mkdtemp(join(tmpdir(), 'longshore-node-'));
  const directory = await SpoolDirectory.open(folder, TEST_INSTALLATION);
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  const pressure = new StorePressure();
  const layers = { ...bulkLayers(pressure), ...settings.layers };
  const base = composeLayers(openBase(settings.base, guard), layers);
  const bucket = composeLayers(new S3StorageService(settings.bucket, { guard }), layers);
  // Nobody has a bucket of the own here: all datasets go to the platform's.
  const secrets = { getSecret: async () => undefined, getSecretVersion: async () => undefined };
  const openBucket = () => bucket;
  const registry = new InstallationStores({ base, platform: bucket, secrets, openBucket });
  const jobs = new JobQueue(db);
  const ground = { db, registry, directory, jobs, keys: TEST_KEYS, installationId: TEST_INSTALLATION };
  const placed = composePlacement({ ...ground, longestRequestMs: 0 });
  const migration = composeMigration({
    ...{ ...ground, placed, bulk: { registry, pressure }, audit: new AuditLog(db), log: silentLogger() },
    config: { supabase: undefined, database: { kind: 'postgres', url: settings.databaseUrl, poolSize: 6 } },
    timing: { ...FAST, ...settings.timing },
    tellAdmins: () => undefined,
  });
  const close = async () => {
    guard.close();
    await directory.close();
    await handle.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { handle, placed, migration, jobs, base, bucket, close };
}

function openBase(base: NodeSettings['base'], guard: EndpointGuard): StorageService {
  if ('supabase' in base) return new SupabaseStorageService(base.supabase, { guard });
  return new StoreAs(new S3StorageService(base.s3, { guard }), 'supabase').service;
}
