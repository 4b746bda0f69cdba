import { Closing } from '@/lib/composition/closing.ts';
import type { DatasetParts } from '@/lib/composition/datasets.ts';
import type { PlacementParts } from '@/lib/composition/placement.ts';
import { type Config, silenceSdkNotice } from '@/lib/config/config.ts';
import { requireMigrationDatabase } from '@/lib/config/migration-database.ts';
import type { Database } from '@/lib/db/database.ts';
import { connectDatabase, openDatabase } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import { Adoption } from '@/lib/migration/adopt/adoption.ts';
import { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';
import { adoptionStatus } from '@/lib/migration/adopt/adoption-status.ts';
import { AdoptionSweep } from '@/lib/migration/adopt/adoption-sweep.ts';
import { FirstReadings } from '@/lib/migration/adopt/first-readings.ts';
import { Inspector } from '@/lib/migration/adopt/inspector.ts';
import { S3Claims } from '@/lib/migration/adopt/s3-claims.ts';
import { requireAdoptable, tableFacts } from '@/lib/migration/adopt/table-facts.ts';
import { Vanished } from '@/lib/migration/adopt/vanished.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { createStorageService } from '@/lib/storage/storage-factory.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { Pace } from '@/lib/streams/pace.ts';

export interface AdoptionGround {
  config: Pick<Config, 'adoption'>;
  db: Database;
  registry: StoreRegistry;
  baseStore: StorageService;
  placed: PlacementParts;
  pool: IngestPool;
  jobs: JobQueue;
}

export type AdoptionParts = ReturnType<typeof composeAdoption>;

/** The first reading of datasets from before Longshore, and what follows the old application's changes. */
export function composeAdoption({ config, db, registry, baseStore, placed, pool, jobs }: AdoptionGround) {
  const repository = new AdoptionRepository(db);
  const { replicas, reconciler, sentinels, keeper } = placed;
  const pace = new Pace(config.adoption.bytesPerSecond);
  const inspector = new Inspector({ db, repository, replicas, registry, sentinels, reconciler, pool, pace });
  const readings = new FirstReadings({ db, replicas, inspector });
  const claims = new S3Claims({ db, repository, registry, reconciler });
  const sweepOf = ({ files, uploads }: Pick<DatasetParts, 'files' | 'uploads'>) => {
    const vanished = new Vanished({ db, replicas, spools: keeper, files, uploads, jobs });
    return new AdoptionSweep({ db, repository, base: baseStore, claims, vanished, readings, jobs });
  };
  return { repository, inspector, readings, sweepOf, status: () => adoptionStatus(repository) };
}

export interface OpenAdoption {
  adoption: Adoption;
  repository: AdoptionRepository;
  close(): Promise<void>;
}

/**
 * What `longshore adopt` needs, and nothing that runs in the background. Only with `apply` is anything of Longshore put
 * into the database, and not before the table was found fit for it.
 * @throws adoption_needs_supabase, migration_needs_database, adoption_blocked, and whatever opening a database throws
 */
export async function openAdoption(config: Config, { apply }: { apply: boolean }): Promise<OpenAdoption> {
  silenceSdkNotice();
  const { supabase, url } = adoptionSource(config);
  const closing = new Closing();
  try {
    const handle = await connectDatabase({ url });
    closing.add(() => handle.close());
    if (apply) await prepare(handle.db, url);
    const guard = new EndpointGuard({ allowPrivateEndpoints: true });
    closing.add(() => guard.close());
    const store = { url: supabase.url.origin, serviceRoleKey: supabase.serviceRoleKey, bucket: supabase.storageBucket };
    const base = createStorageService('supabase', store, { guard });
    const repository = new AdoptionRepository(handle.db);
    const adoption = new Adoption({ db: handle.db, repository, base, newId, now: () => new Date() });
    return { adoption, repository, close: () => closing.run() };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

function adoptionSource(config: Config) {
  requireMigrationDatabase(config);
  const { supabase, database } = config;
  if (supabase !== undefined && database.kind === 'postgres') return { supabase, url: database.url };
  throw new LongshoreError(
    'adoption_needs_supabase',
    'No Supabase project is configured whose datasets could be adopted.',
    {
      hint: 'Set SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY and DATABASE_URL of the project, and ENCRYPTION_KEY.',
    },
  );
}

async function prepare(db: Parameters<typeof tableFacts>[0], url: string): Promise<void> {
  const facts = await tableFacts(db);
  if (!facts.exists) throw noTable();
  requireAdoptable(facts);
  await (await openDatabase({ url })).close();
}

function noTable(): LongshoreError {
  return new LongshoreError('adoption_no_table', 'This database has no table public.training_datasets to adopt.', {
    hint: "Is DATABASE_URL that of the old application's project? A new installation needs no adoption: longshore serve.",
  });
}
