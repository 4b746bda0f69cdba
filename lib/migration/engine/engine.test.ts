import { eq } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { datasetReplicas, trainingDatasets } from '@/lib/db/schema.ts';
import { migrationStores } from '@/tests/support/migration/stores.ts';
import { sha256 } from '@/tests/support/sandbox-clients.ts';

const MIB = 1024 * 1024;

const stores = migrationStores();

describe('a migration run', () => {
  test('copies small and large objects, of known and of unknown hash, proves them, and writes receipts', async () => {
    const { node, s3, supabase } = stores;
    const seeded = await stores.seed([
      { id: 'small', sizeBytes: 5000 },
      { id: 'unknown', sizeBytes: 6000, unknownHash: true },
      { id: 'large', sizeBytes: 21 * MIB + 7 },
      { id: 'large-unknown', sizeBytes: 11 * MIB, unknownHash: true },
    ]);
    const { run, totals } = await stores.moveAll();
    expect(run.state).toBe('completed');
    expect(totals.counts).toMatchObject({ done: 4, failed: 0, pending: 0 });
    for (const { id, key, sizeBytes, sha256: hash, userId } of seeded) {
      const there = `${userId}/datasets/${id}.jsonl.gz`;
      expect(sha256(await s3.sandbox.objects.read(there))).toBe(hash);
      expect(supabase.sandbox.objects.keys()).toContain(key);
      const [item] = (await node.migration.service.items(run.id, { limit: 10 })).filter((i) => i.datasetId === id);
      expect(item).toMatchObject({
        ...{ state: 'done', sizeBytes, bytesCopied: sizeBytes, sourceSha256: hash, destinationSha256: hash },
        source: { provider: 'supabase', key },
        destination: { provider: 's3', key: there },
      });
      const replicas = await node.placed.replicas.ofDataset(id);
      expect(replicas.map((r) => [r.provider, r.state, r.objectSha256, r.verifiedAt !== null])).toEqual([
        ['supabase', 'completed', hash, true],
        ['s3', 'completed', hash, true],
      ]);
      const [row] = await node.handle.db.select().from(trainingDatasets).where(eq(trainingDatasets.id, id));
      expect(row).toMatchObject({
        ...{ storagePath: key, storageProvider: 'supabase', objectSha256: hash },
        metadata: { original_format: 'messages', storage_provider: 'dual', s3_storage_path: there },
      });
      expect(row?.metadata?.migrated_at).toMatch(/^\d{4}-\d\d-\d\dT/);
    }
    expect(s3.sandbox.objects.unfinishedUploads()).toEqual([]);
  });

  test('run again it copies nothing, and takes up what came since', async () => {
    const { node, s3 } = stores;
    await stores.seed([{ id: 'one', sizeBytes: 100 }]);
    const first = await stores.moveAll();
    s3.sandbox.log.clear();
    await stores.seed([{ id: 'two', sizeBytes: 100 }]);
    await node.migration.service.resume(first.run.id, 'test');
    expect((await stores.work(first.run.id)).totals.counts.done).toBe(2);
    expect(s3.sandbox.log.list('PutObject').map((entry) => entry.path)).toEqual([
      expect.stringContaining('two.jsonl.gz'),
    ]);
    expect((await stores.moveAll()).totals.counts).toMatchObject({ done: 0, pending: 0 });
  });

  test('an object that goes before its row, as the old application deletes, is no failure', async () => {
    const { node } = stores;
    const [gone] = await stores.seed([
      { id: 'gone', sizeBytes: 5000 },
      { id: 'stays', sizeBytes: 5000 },
    ]);
    const runId = await stores.begin();
    await node.base.delete(gone?.key ?? '');
    const working = stores.work(runId);
    const codes = async () => (await node.migration.service.get(runId)).totals.errors.map(({ code }) => code);
    await expect.poll(codes, { timeout: 20_000 }).toEqual(['not_found']);
    const { db } = node.handle;
    await db.update(trainingDatasets).set({ deletedAt: new Date() }).where(eq(trainingDatasets.id, 'gone'));
    expect((await working).totals).toMatchObject({ counts: { done: 1, skipped: 1, failed: 0 } });
    expect(await codes()).toEqual(['dataset_deleted']);
  });

  test('of a large object whose source is lost in the middle nothing stays in the bucket', async () => {
    const { node, s3, supabase } = stores;
    await stores.seed([{ id: 'half', sizeBytes: 21 * MIB }]);
    const lost = { kind: 'status', status: 404, code: 'NoSuchKey' } as const;
    supabase.sandbox.faults.add({ operation: 'object.get', path: 'half', skip: 2, action: lost });
    const { run, totals } = await stores.moveAll();
    expect(totals.counts).toMatchObject({ failed: 1, pending: 0 });
    expect(s3.sandbox.log.list('CreateMultipartUpload')).not.toEqual([]);
    const [item] = await node.migration.service.items(run.id, { limit: 1 });
    expect(item).toMatchObject({ errorCode: 'not_found', uploadState: null, bytesCopied: 0 });
    expect(s3.sandbox.objects.unfinishedUploads()).toEqual([]);
    expect(s3.sandbox.objects.keys().filter((key) => key.includes('half'))).toEqual([]);
  });

  test('a dataset that is deleted while it is copied does not come back', async () => {
    const { node, s3 } = stores;
    await stores.seed([{ id: 'gone', sizeBytes: 5000 }]);
    const { db } = node.handle;
    s3.sandbox.faults.add({ operation: 'GetObject', action: { kind: 'delay', delayMs: 1 } });
    const runId = await stores.begin();
    const working = stores.work(runId);
    await expect.poll(() => s3.sandbox.log.list('PutObject').length).toBeGreaterThan(0);
    await db.transaction(async (tx) => {
      await tx.update(trainingDatasets).set({ deletedAt: new Date() }).where(eq(trainingDatasets.id, 'gone'));
      await node.placed.deleter.deleteAll(tx, 'gone');
    });
    await working;
    const [item] = await node.migration.service.items(runId, { limit: 1 });
    const left = await db.select().from(datasetReplicas).where(eq(datasetReplicas.state, 'completed'));
    if (item?.state === 'skipped') {
      expect(item.errorCode).toBe('dataset_deleted');
      expect(s3.sandbox.objects.keys().filter((key) => key.includes('gone'))).toEqual([]);
    }
    expect(left).toEqual([]);
  });
});
