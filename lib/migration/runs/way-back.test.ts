import { eq } from 'drizzle-orm';
import { beforeEach, expect, test } from 'vitest';
import { trainingDatasets } from '@/lib/db/schema.ts';
import { inReadOrder } from '@/lib/placement/replica-reader.ts';
import type { SeededDataset } from '@/tests/support/migration/seed.ts';
import { migrationStores } from '@/tests/support/migration/stores.ts';

const stores = migrationStores();
const never = new AbortController().signal;
let seeded: SeededDataset[];

beforeEach(async () => {
  seeded = await stores.seed([
    { id: 'one', sizeBytes: 3000 },
    { id: 'two', sizeBytes: 4000 },
  ]);
});

async function moveAll(): Promise<string> {
  return (await stores.moveAll()).run.id;
}

test('verify reads both sides back and tells same from different; receipts name both ends', async () => {
  const { node, s3 } = stores;
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
  const { node } = stores;
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
  const { node } = stores;
  await moveAll();
  await expect(node.migration.removals.listBase('test')).rejects.toMatchObject({ code: 'phase_keeps_base' });
  await node.handle.db.transaction((tx) => node.placed.phases.enter(tx, { phase: 's3_primary', actor: 'test' }));
  const { removal } = await node.migration.removals.listBase('test');
  await node.migration.removalWorker.list(removal.id, never);
  expect((await node.migration.removals.get(removal.id)).counts.listed).toBe(2);
  await expect(node.migration.removals.apply(removal.id, 'test')).rejects.toMatchObject({ code: 'removal_waits' });
});
