/**
 * Races between what people do and what the system does, each held at its worst moment. Their neighbours: a create whose
 * process stalls past its lease (lib/datasets/recovery.test.ts), a writer that wakes after its claim was taken, two
 * retirements that vouch for each other, credentials that fail (lib/placement/placement-worker.test.ts).
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';
import { deferred } from '@/tests/support/deferred.ts';
import type { StoreAs } from '@/tests/support/store-as.ts';

describeDatabase('races of placement', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
  });
  afterEach(() => lab.dispose());

  const copies = (id: string) => lab.placed.replicas.ofDataset(id);
  const states = async (id: string) =>
    (await copies(id))
      .map(({ provider, state, verifiedAt }) => `${provider} ${verifiedAt === null ? state : 'verified'}`)
      .sort();
  const copyIn = async (id: string, provider: string): Promise<Replica> => {
    const found = (await copies(id)).find((replica) => replica.provider === provider);
    if (found === undefined) throw new Error(`no copy in ${provider}`);
    return found;
  };
  const settled = async (): Promise<DatasetJson> => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    await lab.runJobs();
    return dataset;
  };
  const bytesOf = async (store: StoreAs, key: string): Promise<Buffer> => {
    const { body } = await store.service.get(key);
    return Buffer.concat(await body.toArray());
  };
  /** Holds every put to a store until `go`. */
  const hold = (store: StoreAs): { reached: Promise<void>; go: () => void } => {
    const reached = deferred();
    const released = deferred();
    store.beforePut = () => {
      reached.settle();
      return released.promise;
    };
    return { reached: reached.promise, go: () => released.settle() };
  };

  test('rollback and purge at once: at no moment fewer than one good copy, and in the end both', async () => {
    await lab.enterPhase(database.db, 'hybrid_read');
    for (let round = 0; round < 4; round += 1) {
      const { id } = await settled();
      await lab.enterPhase(database.db, 's3_primary');
      const base = await copyIn(id, 'filesystem');
      const steps = [
        () => lab.placed.deleter.retire(base.id),
        () => lab.enterPhase(database.db, 'hybrid_read'),
        () => lab.placed.reconciler.reconcile(id),
      ];
      // Another order each round: whoever is first finds another world.
      await Promise.all([...steps.slice(round % 3), ...steps.slice(0, round % 3)].map((step) => step()));
      expect(await states(id)).toContain('s3 verified');
      await lab.runJobs();
      await lab.placed.reconciler.reconcile(id);
      await lab.runJobs();
      expect(await states(id)).toEqual(['filesystem verified', 's3 verified']);
      const url = await lab.parts.urls.generateDownloadUrl({ userId: 'ada', datasetId: id });
      expect(url.provider).toBe('s3');
    }
  });

  test('purge of the base copy after S3 was lost, while the phase steps back: the base copy stays', async () => {
    await lab.enterPhase(database.db, 'hybrid_read');
    const { id } = await settled();
    await lab.enterPhase(database.db, 's3_primary');
    await lab.bucket.service.delete((await copyIn(id, 's3')).objectKey);
    const base = await copyIn(id, 'filesystem');
    const [purge] = await Promise.allSettled([
      lab.placed.deleter.retire(base.id),
      lab.enterPhase(database.db, 'hybrid_read'),
    ]);
    expect(purge).toMatchObject({ status: 'rejected', reason: { code: 'last_good_copy' } });
    await lab.placed.reconciler.reconcile(id);
    await lab.runJobs();
    expect(await states(id)).toEqual(['filesystem verified', 's3 verified']);
  });

  test('phase stepped back while a create commits: the dataset gets the copies of the phase it commits in', async () => {
    await lab.enterPhase(database.db, 's3_primary');
    const held = hold(lab.bucket);
    const create = lab.parts.creator.create(await lab.draft());
    await held.reached;
    await lab.enterPhase(database.db, 'hybrid_read');
    held.go();
    const { id } = await create;
    expect(await states(id)).toEqual(['filesystem pending', 's3 completed']);
    await lab.runJobs();
    expect(await states(id)).toEqual(['filesystem verified', 's3 verified']);
    expect((await lab.remains()).spool).toEqual([]);
  });

  test('phase stepped back to base_only while a create commits: its S3 copy stays, and the spool is not kept', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    const held = hold(lab.bucket);
    const create = lab.parts.creator.create(await lab.draft());
    await held.reached;
    await lab.enterPhase(database.db, 'base_only');
    held.go();
    const { id } = await create;
    await lab.runJobs();
    expect(await states(id)).toEqual(['filesystem verified', 's3 verified']);
    expect((await lab.remains()).spool).toEqual([]);
  });

  test('delete during copy: the copy that is still being written leaves nothing behind', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    lab.bucket.failing = 'unavailable';
    const { id } = await lab.parts.creator.create(await lab.draft());
    lab.bucket.failing = undefined;
    const { id: replicaId } = await copyIn(id, 's3');
    const held = hold(lab.bucket);
    const copy = lab.placed.worker.write(replicaId);
    await held.reached;
    await lab.parts.service.delete('ada', id);
    lab.bucket.beforePut = async () => undefined;
    held.go();
    await expect(copy).rejects.toMatchObject({ code: 'fenced' });
    await lab.runJobs();
    expect(await copies(id)).toEqual([]);
    const { base, bucket, spool } = await lab.remains();
    expect([...base, ...bucket, ...spool].filter((name) => name.includes(id))).toEqual([]);
  });

  test('repair from a source that is corrupt at its last byte: nothing is copied, and the source is not trusted', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    const { id } = await settled();
    const [base, s3] = [await copyIn(id, 'filesystem'), await copyIn(id, 's3')];
    const good = await bytesOf(lab.base, base.objectKey);
    const bad = Buffer.from(good);
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
    await lab.base.service.put(base.objectKey, bufferBody(bad));
    await lab.bucket.service.delete(s3.objectKey);
    expect(await lab.placed.worker.verify(s3.id)).toBe('missing');
    await expect(lab.runJobs()).rejects.toMatchObject({ code: 'no_good_copy' });
    const begun = await copies(id);
    expect(begun.some(({ provider, state }) => provider === 's3' && state === 'completed')).toBe(false);
    expect((await lab.remains()).bucket).toEqual(['ada/longshore-sentinel']);
    // Once the source is whole again the very same repair goes through.
    await lab.base.service.put(base.objectKey, bufferBody(good));
    await lab.placed.reconciler.reconcile(id);
    await lab.runJobs();
    expect(await states(id)).toEqual(['filesystem verified', 's3 verified']);
  });

  test('a store whose credentials fail does not turn its replicas missing, whoever asks', async () => {
    await lab.enterPhase(database.db, 'hybrid_read');
    const { id } = await settled();
    const s3 = await copyIn(id, 's3');
    lab.bucket.failing = 'unauthorized';
    expect(await lab.parts.urls.generateDownloadUrl({ userId: 'ada', datasetId: id })).toMatchObject({
      provider: 'filesystem',
      fallback_reason: 's3_unauthorized',
    });
    await expect(lab.placed.worker.verify(s3.id)).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(lab.placed.deleter.retire((await copyIn(id, 'filesystem')).id)).rejects.toMatchObject({
      code: 'unauthorized',
    });
    await lab.placed.reconciler.reconcileAll();
    expect(await states(id)).toEqual(['filesystem verified', 's3 verified']);
  });
});
