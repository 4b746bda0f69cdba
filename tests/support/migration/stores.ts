import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { MigrationOptions, RunSummary } from '@/lib/migration/types.ts';
import { type MigrationNode, type NodeSettings, openMigrationNode } from '@/tests/support/migration/node.ts';
import { type Seed, type SeededDataset, seedDatasets } from '@/tests/support/migration/seed.ts';
import { startTestPostgres, type TestDatabases } from '@/tests/support/postgres.ts';
import { type S3TestStore, startS3TestStore } from '@/tests/support/s3-store.ts';
import { type SupabaseTestStore, startSupabaseTestStore } from '@/tests/support/supabase-store.ts';

/** Everything there is, with a few objects at a time. */
export const ALL: MigrationOptions = { filters: {}, concurrency: 8, bwlimitBytesPerSecond: null };

/** What a migration is between, new for each test. */
export interface MigrationStores {
  readonly supabase: SupabaseTestStore;
  readonly s3: S3TestStore;
  readonly settings: NodeSettings;
  /** A process that may plan, work and look. */
  readonly node: MigrationNode;
  /** Datasets that lie in Supabase only. */
  seed(seeds: readonly Seed[]): Promise<SeededDataset[]>;
  /** Plans a run and starts it; nobody works on it yet. Answers its id. */
  begin(options?: MigrationOptions): Promise<string>;
  /** Works on a run in this process until it is over. */
  work(runId: string): Promise<RunSummary>;
  /** Plans a run and takes it to its end in this process. */
  moveAll(options?: MigrationOptions): Promise<RunSummary>;
}

interface Opened {
  supabase: SupabaseTestStore;
  s3: S3TestStore;
  settings: NodeSettings;
  node: MigrationNode;
}

/** Called where a file's tests are declared: opens the stores before each of them and closes them after it. */
export function migrationStores(): MigrationStores {
  let postgres: TestDatabases;
  let opened: Opened;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  beforeEach(async () => {
    opened = await open(await postgres.createDatabase());
  });
  afterEach(async () => {
    await opened.node.close();
    await Promise.all([opened.supabase.close(), opened.s3.close()]);
  });
  afterAll(() => postgres.stop());
  return over(() => opened);
}

async function open(databaseUrl: string): Promise<Opened> {
  const supabase = await startSupabaseTestStore();
  const s3 = await startS3TestStore();
  const settings = { databaseUrl, base: { supabase: supabase.config }, bucket: s3.config };
  return { supabase, s3, settings, node: await openMigrationNode(settings) };
}

function over(opened: () => Opened): MigrationStores {
  const service = () => opened().node.migration.service;
  const begin = async (options = ALL) => {
    const { run } = await service().plan(options, 'test');
    await service().resume(run.id, 'test');
    return run.id;
  };
  const work = async (runId: string) => {
    await opened().node.migration.worker.work(runId, 'w', new AbortController().signal);
    return service().get(runId);
  };
  return {
    get supabase() {
      return opened().supabase;
    },
    get s3() {
      return opened().s3;
    },
    get settings() {
      return opened().settings;
    },
    get node() {
      return opened().node;
    },
    seed: (seeds) => seedDatasets(opened().node.handle.db, opened().node.base, seeds),
    begin,
    work,
    moveAll: async (options) => work(await begin(options)),
  };
}
