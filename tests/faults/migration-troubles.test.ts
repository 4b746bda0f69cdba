/**
 * A migration between stores that ask for patience, and stores that give back other bytes than they took: the first makes
 * it slower and nothing else, the second is tried again and then set aside with both hashes.
 */
import { expect, test } from 'vitest';
import type { MigrationItem } from '@/lib/migration/types.ts';
import { migrationStores } from '@/tests/support/migration/stores.ts';
import { sha256 } from '@/tests/support/sandbox-clients.ts';

const MIB = 1024 * 1024;
const SOON = { timeout: 60_000, interval: 20 };
const stores = migrationStores();

const keyOf = ({ id }: { id: string }) => `ada/datasets/${id}.jsonl.gz`;

test('429 and 503 from either side, with a time to wait and without, make it slower and fail nothing', {
  timeout: 120_000,
}, async () => {
  const { supabase, s3, node } = stores;
  const small = Array.from({ length: 40 }, (_, n) => ({
    id: `small-${n}`,
    sizeBytes: 2000 + n,
    unknownHash: n % 2 === 0,
  }));
  const seeded = await stores.seed([...small, { id: 'large', sizeBytes: 12 * MIB }]);
  const busy = (status: number, retryAfterSeconds?: number) =>
    ({ kind: 'status', status, code: 'SlowDown', retryAfterSeconds }) as const;
  for (const [at, operation] of ['PutObject', 'UploadPart', 'GetObject'].entries()) {
    s3.sandbox.faults.add({ operation, times: 3, action: busy(503) });
    s3.sandbox.faults.add({ operation, skip: 4, times: 2, action: busy(429, at % 2) });
  }
  supabase.sandbox.faults.add({ operation: 'object.get', skip: 2, times: 4, action: busy(429) });
  supabase.sandbox.faults.add({ operation: 'object.get', skip: 20, times: 2, action: busy(503, 1) });
  // One is refused until somebody has seen what that does.
  const stubborn = supabase.sandbox.faults.add({ path: 'small-7.jsonl.gz', action: busy(429) });

  const runId = await stores.begin();
  const working = stores.work(runId);
  const { service } = node.migration;
  const levels = async () => (await service.get(runId)).totals.workers.map(({ concurrency }) => concurrency);
  await expect.poll(async () => Math.min(...(await levels())), SOON).toBeLessThan(8);
  const waiting = async () => (await service.get(runId)).totals.errors.map(({ code }) => code);
  await expect.poll(waiting, SOON).toContain('rate_limited');
  supabase.sandbox.faults.remove(stubborn);

  const { run, totals } = await working;
  expect(run.state).toBe('completed');
  expect(totals.counts).toMatchObject({ done: seeded.length, failed: 0, quarantined: 0, skipped: 0, pending: 0 });
  for (const dataset of seeded) expect(sha256(await s3.sandbox.objects.read(keyOf(dataset)))).toBe(dataset.sha256);
  expect([...s3.sandbox.faults.list(), ...supabase.sandbox.faults.list()].filter(({ acted }) => acted === 0)).toEqual(
    [],
  );
  expect(s3.sandbox.objects.unfinishedUploads()).toEqual([]);
});

test('bytes that differ from their first hash are read again, then set aside with both hashes, whatever their size', {
  timeout: 120_000,
}, async () => {
  const { supabase, s3, node } = stores;
  const sizes = { small: 3000, large: 21 * MIB };
  const seeds = Object.entries(sizes).flatMap(([size, sizeBytes]) =>
    ['rotten', 'garbled', 'once', 'fine'].map((what) => ({ id: `${what}-${size}`, sizeBytes })),
  );
  const seeded = new Map((await stores.seed(seeds)).map((dataset) => [dataset.id, dataset]));
  for (const size of Object.keys(sizes)) {
    await supabase.sandbox.objects.corrupt(`ada/private/rotten-${size}.jsonl.gz`, 7);
    const flip = { operation: 'GetObject', action: { kind: 'bit_flip', atByte: 9 } } as const;
    s3.sandbox.faults.add({ ...flip, path: `garbled-${size}` });
    s3.sandbox.faults.add({ ...flip, path: `once-${size}`, times: 1 });
  }
  const { run, totals } = await stores.moveAll();
  expect(totals.counts).toMatchObject({ done: 4, quarantined: 4, failed: 0, pending: 0 });
  const items = new Map(
    (await node.migration.service.items(run.id, { limit: 20 })).map((item) => [item.datasetId, item]),
  );
  const itemOf = (id: string): Partial<MigrationItem> => items.get(id) ?? {};
  for (const size of Object.keys(sizes)) {
    const known = (what: string) => seeded.get(`${what}-${size}`)?.sha256;
    const rotten = itemOf(`rotten-${size}`);
    expect(rotten).toMatchObject({ state: 'quarantined', errorCode: 'source_differs', mismatches: 3 });
    expect(rotten.expectedSha256).toBe(known('rotten'));
    expect(rotten.sourceSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(rotten.sourceSha256).not.toBe(known('rotten'));
    const garbled = itemOf(`garbled-${size}`);
    expect(garbled).toMatchObject({ state: 'quarantined', errorCode: 'destination_differs', mismatches: 3 });
    expect([garbled.expectedSha256, garbled.sourceSha256]).toEqual([known('garbled'), known('garbled')]);
    expect(garbled.destinationSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(garbled.destinationSha256).not.toBe(known('garbled'));
    expect(itemOf(`once-${size}`)).toMatchObject({ state: 'done', mismatches: 1, destinationSha256: known('once') });
    expect(itemOf(`fine-${size}`)).toMatchObject({ state: 'done', mismatches: 0 });
  }
  const there = s3.sandbox.objects.keys().filter((key) => key.includes('/datasets/'));
  expect(there.sort()).toEqual(['fine-large', 'fine-small', 'once-large', 'once-small'].map((id) => keyOf({ id })));
  expect(s3.sandbox.objects.unfinishedUploads()).toEqual([]);
});
