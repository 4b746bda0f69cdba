import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { Users } from '@/lib/accounts/users.ts';
import { composeBaseStore } from '@/lib/composition/base-store.ts';
import { Closing } from '@/lib/composition/closing.ts';
import { integrityKeys } from '@/lib/composition/data-plane.ts';
import { composeFiles } from '@/lib/composition/files.ts';
import { composeSecrets } from '@/lib/composition/secrets.ts';
import { composeStores } from '@/lib/composition/stores.ts';
import { type Config, configuredBaseUrl, silenceSdkNotice } from '@/lib/config/config.ts';
import { loadMasterKeys } from '@/lib/config/master-key.ts';
import { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import { KnownObjects } from '@/lib/datasets/orphans/known-objects.ts';
import { CatalogueRebuilder, type RebuildOptions } from '@/lib/datasets/rebuild/catalogue-rebuilder.ts';
import { chooseInstallation, signedInstallations } from '@/lib/datasets/rebuild/installation-choice.ts';
import { ObjectIndexer } from '@/lib/datasets/rebuild/object-indexer.ts';
import type { RebuildReport } from '@/lib/datasets/rebuild/rebuild-report.ts';
import { Restorer } from '@/lib/datasets/rebuild/restorer.ts';
import { type Database, openDatabase } from '@/lib/db/database.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { IntegrityKeys } from '@/lib/placement/integrity.ts';
import { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { hostInstallation } from '@/lib/placement/spool/spool-directory.ts';
import { StoreInventory } from '@/lib/placement/store-inventory.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface RebuildRequest extends RebuildOptions {
  /** Whose objects to take, where the stores hold those of several installations with our key. */
  installation?: string;
}

interface Ground {
  config: Config;
  db: Database;
  keys: IntegrityKeys;
  registry: StoreRegistry;
  inventory: StoreInventory;
  pool: IngestPool;
}

/**
 * Rebuilds the catalogue of this installation. Opens the database itself: an embedded one must not be in use.
 * @throws installation_unknown, installation_ambiguous, data_dir_locked and what else opening a database throws
 */
export async function rebuildCatalogue(config: Config, request: RebuildRequest): Promise<RebuildReport> {
  silenceSdkNotice();
  const closing = new Closing();
  try {
    const ground = await openGround(config, closing);
    const installationId = await ownInstallation(ground, request);
    if (request.apply) await nameInstallation(ground.db, installationId);
    const report = await rebuilderOf(ground, installationId).run(request);
    if (request.apply) await ensureOwners(ground.db, report.users);
    return report;
  } finally {
    await closing.run();
  }
}

async function openGround(config: Config, closing: Closing): Promise<Ground> {
  const masterKeys = await loadMasterKeys(config);
  const handle = await openDatabase(
    config.database.kind === 'embedded' ? { dataDir: config.dataDir } : { url: config.database.url },
  );
  closing.add(() => handle.close());
  const guard = new EndpointGuard({ allowPrivateEndpoints: config.allowPrivateEndpoints });
  closing.add(() => guard.close());
  const operatorGuard = new EndpointGuard({ allowPrivateEndpoints: true });
  closing.add(() => operatorGuard.close());
  const { db } = handle;
  const audit = new AuditLog(db);
  const secrets = composeSecrets({ config, keys: masterKeys, db, audit, installationId: '', guard });
  const files = await composeFiles({ config, keys: masterKeys, baseUrl: configuredBaseUrl(config) });
  const baseStore = composeBaseStore(config, files, operatorGuard);
  const registry = composeStores({ config, files, baseStore, secrets, guard, operatorGuard });
  const own = (): StorageService[] => registry.own().map(({ service }) => service);
  const pool = new IngestPool({ threads: config.limits.ingestThreads });
  closing.add(() => pool.close());
  const inventory = new StoreInventory({ db, registry, own });
  return { config, db, keys: integrityKeys(masterKeys), registry, inventory, pool };
}

function rebuilderOf({ config, db, keys, inventory, pool }: Ground, installationId: string): CatalogueRebuilder {
  const files = new ManifestFiles(join(config.spoolDir, 'manifests'), keys);
  const known = new KnownObjects(db);
  const parts = { db, datasets: new DatasetRepository(db), replicas: new ReplicaRepository(db) };
  return new CatalogueRebuilder({
    ...{ inventory, known, keys, installationId },
    restorer: new Restorer(parts),
    indexer: new ObjectIndexer({ pool, temporaryDirectory: tmpdir() }),
    isBuried: (id) => files.isBuried(id),
  });
}

async function ownInstallation({ config, db, keys, inventory }: Ground, request: RebuildRequest): Promise<string> {
  const { rows } = await db.execute<{ id: string; used: boolean }>(sql`
    select id, exists (select 1 from public.training_datasets) as used from longshore.installation`);
  const database = rows[0]?.used === true ? rows[0].id : undefined;
  const host = await hostInstallation(config.spoolDir);
  const signed = await signedInstallations(inventory, keys, request.signal);
  return chooseInstallation({ wanted: request.installation, database, host, signed });
}

async function nameInstallation(db: Database, id: string): Promise<void> {
  await db.execute(sql`
    insert into longshore.installation (id) values (${id}) on conflict (singleton) do update set id = excluded.id`);
}

/** Keys and names are lost; the rows let an admin hand out new keys. */
async function ensureOwners(db: Database, userIds: readonly string[]): Promise<void> {
  const users = new Users(db, new AuditLog(db));
  for (const id of userIds) await users.ensure({ id, name: id });
}
