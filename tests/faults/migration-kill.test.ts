/**
 * A migration whose processes are killed with -9 at random moments, each time resumed by another process that knows
 * nothing but the database. At the end nothing was sent twice, nothing is half there, and nothing that was sent is lost.
 */
import { afterEach, expect, test } from 'vitest';
import type { Seed, SeededDataset } from '@/tests/support/migration/seed.ts';
import { migrationStores } from '@/tests/support/migration/stores.ts';
import { WorkerProcess } from '@/tests/support/migration/worker-process.ts';
import { seededRandom } from '@/tests/support/rehearsal/cast.ts';
import { sha256 } from '@/tests/support/sandbox-clients.ts';

const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;
const SOON = { timeout: 60_000, interval: 2 };

const stores = migrationStores();
const workers: WorkerProcess[] = [];
let owners = 0;

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill9()));
});

async function beginRun(seeds: readonly Seed[]): Promise<{ runId: string; seeded: SeededDataset[] }> {
  const seeded = await stores.seed(seeds);
  return { runId: await stores.begin(), seeded };
}

async function startWorker(runId: string): Promise<WorkerProcess> {
  owners += 1;
  const worker = await WorkerProcess.start({ settings: stores.settings, runId, owner: `worker-${owners}` });
  workers.push(worker);
  return worker;
}

function small(count: number): Seed[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `small-${n}`,
    sizeBytes: 1000 + n * 97,
    unknownHash: n % 3 === 0,
  }));
}

/** Requests to the bucket so far: the clock by which processes die. */
function asked(): number {
  return stores.s3.sandbox.log.list().length;
}

function keyOf({ userId, id }: SeededDataset): string {
  return `${userId}/datasets/${id}.jsonl.gz`;
}

/** Both stores, the replica rows and the journal tell the same, and nothing else is there. */
async function expectAllMoved(runId: string, seeded: readonly SeededDataset[]): Promise<void> {
  const { node, s3, supabase } = stores;
  const { run, totals } = await node.migration.service.get(runId);
  expect(run.state).toBe('completed');
  expect(totals.counts).toMatchObject({ done: seeded.length, pending: 0, copying: 0, verifying: 0, failed: 0 });
  const replicas = await node.placed.replicas.ofDatasets(seeded.map(({ id }) => id));
  for (const dataset of seeded) {
    const copies = replicas.filter(({ datasetId, provider }) => datasetId === dataset.id && provider === 's3');
    expect(copies.map(({ state, objectKey, objectSha256 }) => [state, objectKey, objectSha256])).toEqual([
      ['completed', keyOf(dataset), dataset.sha256],
    ]);
    expect(sha256(await s3.sandbox.objects.read(keyOf(dataset)))).toBe(dataset.sha256);
    expect(sha256(await supabase.sandbox.objects.read(dataset.key))).toBe(dataset.sha256);
  }
  const there = s3.sandbox.objects.keys().filter((key) => key.includes('/datasets/'));
  expect(there.sort()).toEqual(seeded.map(keyOf).sort());
  expect(s3.sandbox.objects.unfinishedUploads()).toEqual([]);
}

/** How often the bucket took each whole object: puts, and uploads that were completed. */
function arrivals(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { operation, path, status } of stores.s3.sandbox.log.list()) {
    const arrived = operation === 'PutObject' || operation === 'CompleteMultipartUpload';
    if (arrived && status === 200 && path.includes('/datasets/')) counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  return counts;
}

test('killed again and again at random moments, a run ends with every dataset moved once', {
  timeout: 240_000,
}, async () => {
  const random = seededRandom('migration-kill');
  const large = [21 * MIB + 7, 12 * MIB, 17 * MIB].map((sizeBytes, n) => ({ id: `large-${n}`, sizeBytes }));
  const { runId, seeded } = await beginRun([...small(160), ...large]);
  let kills = 0;
  for (let round = 0; round < 5; round += 1) {
    const moment = asked() + 1 + Math.floor(random() * 60);
    const worker = await startWorker(runId);
    await expect.poll(() => asked() >= moment || worker.said.startsWith('over'), SOON).toBe(true);
    if (await worker.kill9()) kills += 1;
  }
  expect(kills).toBeGreaterThanOrEqual(3);
  expect(await (await startWorker(runId)).ended()).toMatch(/^over completed/);
  await expectAllMoved(runId, seeded);
  expect([...arrivals().values()].filter((count) => count > 1)).toEqual([]);
});

test('of two processes on a run one is killed, and the other does the rest', { timeout: 120_000 }, async () => {
  const { runId, seeded } = await beginRun(small(200));
  const [victim, survivor] = await Promise.all([startWorker(runId), startWorker(runId)]);
  await expect.poll(() => asked() > 80, SOON).toBe(true);
  await victim.kill9();
  expect(await survivor.ended()).toMatch(/^over completed/);
  await expectAllMoved(runId, seeded);
  expect([...arrivals().values()].filter((count) => count > 1)).toEqual([]);
});

test('a large object goes on in its middle: what was journaled is neither read nor sent again', {
  timeout: 120_000,
}, async () => {
  const { node, s3, supabase } = stores;
  const parts = 12;
  const { runId, seeded } = await beginRun([{ id: 'large', sizeBytes: parts * PART_BYTES }]);
  const journaled = async () => {
    const [item] = await node.migration.service.items(runId, { limit: 1 });
    return (item?.uploadState as { parts?: unknown[] } | null)?.parts?.length ?? 0;
  };
  s3.sandbox.throttle.set({ upBytesPerSecond: 20 * MIB });
  const victim = await startWorker(runId);
  await expect.poll(journaled, SOON).toBeGreaterThanOrEqual(3);
  expect(await victim.kill9()).toBe(true);
  s3.sandbox.throttle.set({});
  const kept = await journaled();
  expect(kept).toBeLessThan(parts);
  s3.sandbox.log.clear();
  supabase.sandbox.log.clear();

  expect(await (await startWorker(runId)).ended()).toMatch(/^over completed/);
  await expectAllMoved(runId, seeded);
  expect(s3.sandbox.log.list('CreateMultipartUpload')).toEqual([]);
  expect(s3.sandbox.log.list('UploadPart')).toHaveLength(parts - kept);
  const ranges = supabase.sandbox.log.list().flatMap(({ method, range }) => (method === 'GET' ? (range ?? []) : []));
  expect(ranges.reduce((sum, range) => sum + bytesIn(range), 0)).toBe((parts - kept) * PART_BYTES);
});

function bytesIn(range: string): number {
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  return Number(to) - Number(from) + 1;
}
