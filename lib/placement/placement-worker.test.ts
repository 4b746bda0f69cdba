import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';
import type { StoreAs } from '@/tests/support/store-as.ts';

const hashed = (text: string) => ({
  ...bufferBody(text),
  sha256: createHash('sha256').update(text).digest('hex'),
});

describeDatabase('placement over two stores', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
    await lab.enterPhase(database.db, 'dual_write');
  });
  afterEach(() => lab.dispose());

  const settledDataset = async (): Promise<DatasetJson> => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    await lab.runJobs();
    return dataset;
  };
  const replicas = (id: string) => lab.placed.replicas.ofDataset(id);
  const copyIn = async (id: string, provider: string): Promise<Replica> => {
    const found = (await replicas(id)).find((replica) => replica.provider === provider);
    if (found === undefined) throw new Error(`no copy in ${provider}`);
    return found;
  };
  const damage = (store: StoreAs, key: string) => store.service.put(key, bufferBody('other bytes'));
  const states = async (id: string) =>
    (await replicas(id)).map(({ provider, generation, state, verifiedAt }) => [
      provider,
      generation,
      verifiedAt === null ? state : 'verified',
    ]);

  test('a copy that was deleted is found missing, rewritten under a new key, and its row retired', async () => {
    const { id } = await settledDataset();
    const lost = await copyIn(id, 's3');
    await lab.bucket.service.delete(lost.objectKey);
    expect(await lab.placed.worker.verify(lost.id)).toBe('missing');
    await lab.runJobs();
    expect(await states(id)).toEqual([
      ['filesystem', 0, 'verified'],
      ['s3', 1, 'verified'],
    ]);
    expect((await lab.remains()).bucket).toContain(`ada/datasets/${id}.g1.jsonl.gz`);
    expect((await lab.remains()).spool).toEqual([]);
  });

  test('a corrupt copy is never the source of a repair, and is replaced from the other', async () => {
    const { id } = await settledDataset();
    const bad = await copyIn(id, 'filesystem');
    await damage(lab.base, bad.objectKey);
    expect(await lab.placed.worker.verify(bad.id)).toBe('corrupt');
    await lab.runJobs();
    expect(await states(id)).toEqual([
      ['s3', 0, 'verified'],
      ['filesystem', 1, 'verified'],
    ]);
    expect((await lab.remains()).base).not.toContain(bad.objectKey);
    const { storagePath } = await lab.parts.datasets.get('ada', id);
    expect(storagePath).toBe(`ada/private/${id}.g1.jsonl.gz`);
  });

  test('when every copy is bad nothing is written and nothing is deleted', async () => {
    const { id } = await settledDataset();
    for (const [store, provider] of [[lab.base, 'filesystem'] as const, [lab.bucket, 's3'] as const]) {
      const copy = await copyIn(id, provider);
      await damage(store, copy.objectKey);
      await lab.placed.verifier.verify(copy.id);
    }
    await lab.placed.reconciler.reconcile(id);
    await expect(lab.runJobs()).rejects.toMatchObject({ code: 'no_good_copy' });
    expect((await replicas(id)).filter((replica) => replica.state === 'corrupt')).toHaveLength(2);
    expect((await lab.remains()).base).toContain(`ada/private/${id}.jsonl.gz`);
  });

  test('a store that does not answer makes nothing missing', async () => {
    const { id } = await settledDataset();
    const copy = await copyIn(id, 's3');
    for (const code of ['unavailable', 'unauthorized'] as const) {
      lab.bucket.failing = code;
      await expect(lab.placed.worker.verify(copy.id)).rejects.toMatchObject({ code });
      expect((await copyIn(id, 's3')).state).toBe('completed');
    }
  });

  test('an empty bucket in the place of the known one makes nothing missing: its sentinel is not there', async () => {
    const { id } = await settledDataset();
    const copy = await copyIn(id, 's3');
    for (const { key } of (await lab.bucket.service.list('')).objects) await lab.bucket.service.delete(key);
    await expect(lab.placed.worker.verify(copy.id)).rejects.toMatchObject({ code: 'unavailable' });
    expect((await copyIn(id, 's3')).state).toBe('completed');
  });

  test('the last good copy cannot be retired, not even by two at once that vouch for each other', async () => {
    const { id } = await settledDataset();
    const [a, b] = await replicas(id);
    const outcomes = await Promise.allSettled([a, b].map((copy) => lab.placed.deleter.retire(copy?.id ?? '')));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const left = (await replicas(id)).filter((replica) => replica.state === 'completed');
    expect(left).toHaveLength(1);
    await expect(lab.placed.deleter.retire(left[0]?.id ?? '')).rejects.toMatchObject({ code: 'last_good_copy' });
  });

  test('a copy is not retired on the word of a copy that turns out corrupt at its last byte', async () => {
    const { id } = await settledDataset();
    const [first, second] = await replicas(id);
    const { body } = await lab.bucket.service.get(second?.objectKey ?? '');
    const bytes = Buffer.concat(await body.toArray());
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await lab.bucket.service.put(second?.objectKey ?? '', bufferBody(bytes));
    await expect(lab.placed.deleter.retire(first?.id ?? '')).rejects.toMatchObject({ code: 'last_good_copy' });
    expect((await copyIn(id, 'filesystem')).state).toBe('completed');
  });

  test('stepping forward leaves old datasets to a migration; stepping back takes nothing away', async () => {
    await lab.enterPhase(database.db, 'base_only');
    const old = await settledDataset();
    await lab.enterPhase(database.db, 'dual_write');
    const { id } = await settledDataset();
    expect(await lab.placed.reconciler.reconcileAll()).toBe(2);
    await lab.runJobs();
    expect(await states(old.id)).toEqual([['filesystem', 0, 'verified']]);
    expect(await states(id)).toEqual([
      ['filesystem', 0, 'verified'],
      ['s3', 0, 'verified'],
    ]);
    await lab.enterPhase(database.db, 'base_only');
    await lab.placed.reconciler.reconcileAll();
    await lab.runJobs();
    expect(await states(id)).toHaveLength(2);
  });

  test('a writer that wakes after its claim was taken changes nothing', async () => {
    lab.bucket.failing = 'unavailable';
    const dataset = await lab.parts.creator.create(await lab.draft());
    lab.bucket.failing = undefined;
    const replica = await copyIn(dataset.id, 's3');
    const stalled = await lab.placed.replicas.claim(replica.id);
    const taken = await lab.placed.replicas.claim(replica.id);
    if (stalled === undefined || taken === undefined) throw new Error('nothing to claim');
    const body = hashed('whatever');
    await expect(lab.placed.writer.write(stalled, body)).rejects.toMatchObject({ code: 'fenced' });
    await expect(lab.placed.replicas.saveUploadState(stalled, { provider: 's3' })).rejects.toMatchObject({
      code: 'fenced',
    });
    expect(await copyIn(dataset.id, 's3')).toMatchObject({ state: 'pending', attempt: taken.attempt });
  });

  test('what a writer stores after its dataset was deleted does not stay', async () => {
    lab.bucket.failing = 'unavailable';
    const dataset = await lab.parts.creator.create(await lab.draft());
    lab.bucket.failing = undefined;
    const replica = await lab.placed.replicas.claim((await copyIn(dataset.id, 's3')).id);
    if (replica === undefined) throw new Error('nothing to claim');
    await lab.parts.remover.delete('ada', dataset.id);
    await lab.runJobs();
    await expect(lab.placed.writer.write(replica, hashed('late'))).rejects.toMatchObject({
      code: 'fenced',
    });
    expect((await lab.remains()).bucket.filter((key) => key.endsWith('.gz'))).toEqual([]);
  });

  test('an object that appears at a tombstone is removed, one that a living row names is not', async () => {
    const kept = await settledDataset();
    const gone = await settledDataset();
    const copy = await copyIn(gone.id, 's3');
    await lab.parts.remover.delete('ada', gone.id);
    await lab.runJobs();
    await lab.bucket.service.put(copy.objectKey, bufferBody('a late completion'));
    expect(await lab.placed.cleaner.checkTombstones()).toBeGreaterThan(0);
    const { bucket } = await lab.remains();
    expect(bucket).not.toContain(copy.objectKey);
    expect(bucket).toContain(`ada/datasets/${kept.id}.jsonl.gz`);
    expect(await lab.placed.cleaner.checkTombstones()).toBe(0);
  });

  test('a spool file that lost bytes is not used: the copy comes from the other store', async () => {
    lab.bucket.failing = 'unavailable';
    const dataset = await lab.parts.creator.create(await lab.draft());
    lab.bucket.failing = undefined;
    const spool = await lab.placed.spools.find(dataset.id);
    await writeFile(join(lab.folder, 'spool', 'work', spool?.fileName ?? ''), 'short');
    await lab.runJobs();
    expect(await states(dataset.id)).toEqual([
      ['filesystem', 0, 'verified'],
      ['s3', 0, 'verified'],
    ]);
  });

  test('a phase that changes while a dataset commits is waited for, and both see one truth', async () => {
    await lab.enterPhase(database.db, 'base_only');
    const draft = await lab.draft();
    const [dataset] = await Promise.all([lab.parts.creator.create(draft), lab.enterPhase(database.db, 'dual_write')]);
    await lab.placed.reconciler.reconcileAll();
    await lab.runJobs();
    expect((await states(dataset.id)).map(([provider]) => provider)).toEqual(['filesystem', 's3']);
  });
});
