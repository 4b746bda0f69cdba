import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { trainingDatasets } from '@/lib/db/schema.ts';
import { inReadOrder } from '@/lib/placement/replica-reader.ts';
import { type MigrationNode, openMigrationNode } from '@/tests/support/migration/node.ts';
import { type SeededDataset, seedDatasets } from '@/tests/support/migration/seed.ts';
import { startTestPostgres, type TestDatabases } from '@/tests/support/postgres.ts';
import { type S3TestStore, startS3TestStore } from '@/tests/support/s3-store.ts';
import { type SupabaseTestStore, startSupabaseTestStore } from '@/tests/support/supabase-store.ts';

const ALL = { filters: {}, concurrency: 8, bwlimitBytesPerSecond: null };
const never = new AbortController().signal;

let postgres: TestDatabases;
let supabase: SupabaseTestStore;
let s3: S3TestStore;
let node: MigrationNode;
let seeded: SeededDataset[];

beforeAll(async () => {
  postgres = await startTestPostgres();
});
beforeEach(async () => {
  supabase = await startSupabaseTestStore();
  s3 = await startS3TestStore();
  const databaseUrl = await postgres.createDatabase();
  node = await openMigrationNode({ databaseUrl, base: { supabase: supabase.config }, bucket: s3.config });
  seeded = await seedDatasets(node.handle.db, node.base, [
    { id: 'one', sizeBytes: 3000 },
    { id: 'two', sizeBytes: 4000 },
  ]);
});
afterEach(async () => {
  await node.close();
  await Promise.all([supabase.close(), s3.close()]);
});
afterAll(() => postgres.stop());

async function moveAll(): Promise<string> {
  const { run } = await node.migration.service.plan(ALL, 'test');
  await node.migration.service.resume(run.id, 'test');
  await node.migration.worker.work(run.id, 'w', never);
  return run.id;
}

test('verify reads both sides back and tells same from different; receipts name both ends', async () => {
  const id = await moveAll();
  await s3.sandbox.objects.corrupt('ada/datasets/two.jsonl.gz', 5);
  await node.migration.service.verify(id, 'test');
  expect(await node.migration.checker.check(id, never, () => undefined)).toBe(2);
  const { totals, run } = await node.migration.service.get(id);
  expect(totals.checks).toEqual({ '=': 1, '-': 0, '*': 1, '!': 0 });
  expect(run.checkedAt).not.toBeNull();
  const { lines } = await node.migration.service.receipts(id, 'jsonl');
  let text = '';
  for await (const line of lines) text += line;
  const receipts = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(receipts).toMatchObject([
    {
      dataset_id: 'one',
      bytes: 3000,
      source_sha256: seeded[0]?.sha256,
      destination_sha256: seeded[0]?.sha256,
      check: '=',
    },
    { dataset_id: 'two', source: 'supabase://training-datasets/ada/private/two.jsonl.gz', check: '*' },
  ]);
});

test('after a rollback reads and old readers use the base store; the copies go on request, through the guarded delete', async () => {
  const id = await moveAll();
  await node.migration.service.rollBack(id, 'test');
  const replicas = await node.placed.replicas.ofDataset('one');
  expect(inReadOrder('hybrid_read', replicas).map((replica) => replica.provider)).toEqual(['supabase', 's3']);
  const [row] = await node.handle.db.select().from(trainingDatasets).where(eq(trainingDatasets.id, 'one'));
  expect(row?.metadata).toMatchObject({ storage_provider: 'supabase', s3_storage_path: null });
  // The base copy of `two` is gone: its copy in the bucket must stay.
  await node.base.delete('ada/private/two.jsonl.gz');
  const { removal } = await node.migration.removals.listRun(id, 'test');
  await node.migration.removalWorker.list(removal.id, never);
  await node.migration.removals.apply(removal.id, 'test');
  await node.migration.removalWorker.apply(removal.id, never);
  expect((await node.migration.removals.get(removal.id)).counts).toMatchObject({ listed: 0, removed: 1, refused: 1 });
  const left = await Promise.all(['one', 'two'].map((dataset) => node.placed.replicas.ofDataset(dataset)));
  expect(left.map((copies) => copies.filter((copy) => copy.provider === 's3').map((copy) => copy.state))).toEqual([
    ['deleting'],
    ['completed'],
  ]);
});

test('base copies are purged only in s3_primary, from a proved list, after the waiting time', async () => {
  await moveAll();
  await expect(node.migration.removals.listBase('test')).rejects.toMatchObject({ code: 'phase_keeps_base' });
  await node.handle.db.transaction((tx) => node.placed.phases.enter(tx, { phase: 's3_primary', actor: 'test' }));
  const { removal } = await node.migration.removals.listBase('test');
  await node.migration.removalWorker.list(removal.id, never);
  expect((await node.migration.removals.get(removal.id)).counts.listed).toBe(2);
  await expect(node.migration.removals.apply(removal.id, 'test')).rejects.toMatchObject({ code: 'removal_waits' });
});

test('a source that differs from its known hash is tried again, then quarantined with both hashes, and leaves nothing', async () => {
  await supabase.sandbox.objects.corrupt('ada/private/one.jsonl.gz', 7);
  const id = await moveAll();
  const [item] = await node.migration.service.items(id, { limit: 1 });
  expect(item).toMatchObject({
    state: 'quarantined',
    errorCode: 'source_differs',
    expectedSha256: seeded[0]?.sha256,
    mismatches: 3,
  });
  expect(item?.sourceSha256).not.toBe(seeded[0]?.sha256);
  expect(s3.sandbox.objects.keys()).not.toContain('ada/datasets/one.jsonl.gz');
});

test('a store that asks for patience slows a run down and does not fail it', async () => {
  const busy = { kind: 'status', status: 503, code: 'SlowDown' } as const;
  s3.sandbox.faults.add({ operation: 'PutObject', times: 6, action: busy });
  const id = await moveAll();
  expect((await node.migration.service.get(id)).totals.counts).toMatchObject({ done: 2, failed: 0 });
});
