import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { idempotencyKeys, spools, trainingDatasets } from '@/lib/db/schema.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';

const EMPTY = { base: [], bucket: [], spool: [], manifests: [] };

describeDatabase('after a crash', (database) => {
  let folder: string;
  let lab: DatasetLab;
  let opened: DatasetLab[] = [];

  const open = async () => {
    const made = await DatasetLab.open(database.db, folder);
    opened.push(made);
    return made;
  };
  beforeEach(async () => {
    opened = [];
    folder = await DatasetLab.folder();
    lab = await open();
  });
  afterEach(async () => {
    for (const each of opened) await each.close();
    await opened[0]?.dispose();
  });

  const rows = () => database.db.select().from(trainingDatasets);
  /** A create that stops at the store, and how to let it go on. */
  const stalledCreate = async (on: DatasetLab, key?: string) => {
    let wake: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => {
      on.base.beforePut = () => {
        resolve();
        return new Promise((go) => {
          wake = go;
        });
      };
    });
    const draft = await on.draft(undefined, { idempotency: key === undefined ? null : { key, requestSha256: 'x' } });
    const create = on.parts.creator.create(draft);
    create.catch(() => undefined);
    await reached;
    return { create, wake: () => wake() };
  };
  const next = async () => {
    await lab.crash();
    return open();
  };

  test('a spool file that nothing names is removed, one of a living process is not', async () => {
    await lab.draft();
    const neighbour = await open();
    await neighbour.draft();
    const after = await next();
    await after.recover();
    expect((await after.remains()).spool).toHaveLength(1);
    await neighbour.crash();
    await after.recover();
    expect(await after.remains()).toEqual(EMPTY);
  });

  test('a manifest whose intent never reached the database is finished: the file is there', async () => {
    const stalled = await stalledCreate(lab);
    const after = await next();
    // As after a power cut, or a kill between manifest and transaction: no row knows anything.
    await database.db.execute(sql`truncate public.training_datasets, longshore.spools, longshore.dataset_replicas,
      longshore.dataset_reports cascade`);
    await after.recover();
    expect(await rows()).toMatchObject([{ status: 'ready', name: 'test', totalExamples: 1, kind: 'messages' }]);
    const [dataset] = await rows();
    const key = `ada/private/${dataset?.id}`;
    expect(await after.remains()).toEqual({
      base: [`${key}.jsonl.gz`, `${key}.manifest.json`],
      bucket: [],
      spool: [],
      manifests: [`${dataset?.id}.json`],
    });
    stalled.wake();
    await expect(stalled.create).rejects.toMatchObject({ code: 'fenced' });
  });

  test('an upload that stopped at the store is finished by the next process, and the stalled one is fenced', async () => {
    const stalled = await stalledCreate(lab, 'key-1');
    await expect(lab.parts.idempotency.take('ada', 'key-1')).rejects.toMatchObject({ code: 'idempotency_in_progress' });
    const after = await next();
    await after.recover();
    expect(await rows()).toMatchObject([{ status: 'ready', attempt: 2 }]);
    expect((await after.remains()).spool).toEqual([]);
    const answered = await after.parts.idempotency.take('ada', 'key-1');
    expect(answered?.response).toMatchObject({ dataset: { status: 'ready' } });
    stalled.wake();
    await expect(stalled.create).rejects.toMatchObject({ code: 'fenced' });
    expect(await rows()).toMatchObject([{ status: 'ready', attempt: 2 }]);
  });

  test('a living process is left alone until its lease ends, and then it is fenced', async () => {
    const stalled = await stalledCreate(lab);
    const neighbour = await open();
    await neighbour.recover();
    expect(await rows()).toMatchObject([{ status: 'uploading', attempt: 1 }]);
    await database.db.update(spools).set({ leaseUntil: new Date(0) });
    await neighbour.recover();
    expect(await rows()).toMatchObject([{ status: 'ready', attempt: 2 }]);
    stalled.wake();
    await expect(stalled.create).rejects.toMatchObject({ code: 'fenced' });
  });

  test('a process killed between its last copy and the commit leaves a dataset that only needs the commit', async () => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    await database.db.update(trainingDatasets).set({ status: 'uploading' });
    const before = (await lab.placed.replicas.ofDataset(dataset.id))[0];
    const after = await next();
    await after.recover();
    expect(await rows()).toMatchObject([{ id: dataset.id, status: 'ready' }]);
    expect((await after.placed.replicas.ofDataset(dataset.id))[0]?.attempt).toBe(before?.attempt);
  });

  test('a power cut that takes the rows of an answered dataset brings them back from its manifest', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    const draft = await lab.draft([{ a: 1 }, { a: 2 }], { idempotency: { key: 'k', requestSha256: 'x' } });
    const answered = await lab.parts.creator.create(draft);
    await lab.runJobs();
    const after = await next();
    await database.db.execute(sql`truncate public.training_datasets, longshore.spools, longshore.dataset_replicas,
      longshore.dataset_reports, longshore.idempotency_keys, longshore.jobs cascade`);
    await after.recover();
    const restored = await after.parts.service.get('ada', answered.id);
    expect(restored).toMatchObject({
      status: 'ready',
      created_at: answered.created_at,
      object_sha256: answered.object_sha256,
      content_sha256: answered.content_sha256,
      total_examples: 2,
      metadata: answered.metadata,
      replicas: [{ state: 'completed' }, { state: 'completed' }],
    });
    expect(restored.replicas.every((replica) => replica.verified_at !== null)).toBe(true);
    expect(await after.parts.service.report('ada', answered.id)).toEqual(draft.report);
    expect((await after.parts.idempotency.take('ada', 'k'))?.response).toMatchObject({ dataset: { id: answered.id } });
  });

  test('with the spool directory lost too, the manifest beside the object is enough', async () => {
    const answered = await lab.parts.creator.create(await lab.draft());
    await lab.runJobs();
    await lab.parts.files.remove(answered.id);
    const after = await next();
    await database.db.execute(sql`truncate public.training_datasets, longshore.spools, longshore.dataset_replicas,
      longshore.dataset_reports, longshore.jobs cascade`);
    expect(await after.parts.manifestReconciler.reconcileStore(after.base.service)).toBe(1);
    await after.recover();
    expect(await after.parts.service.get('ada', answered.id)).toMatchObject({ status: 'ready' });
  });

  test('nobody can plant a dataset: a manifest, tombstone or object without our signature means nothing', async () => {
    const mine = await lab.parts.creator.create(await lab.draft());
    const manifest = await lab.parts.files.read(mine.id);
    const forged = JSON.stringify({ ...manifest, dataset: { ...manifest?.dataset, id: 'planted', user_id: 'eve' } });
    const { manifestFolder } = lab.directory;
    await writeFile(join(manifestFolder, 'planted.json'), `${'0'.repeat(64)}\n${forged}\n`);
    await writeFile(join(manifestFolder, `${mine.id}.deleted`), `${'0'.repeat(64)}\n`);
    await lab.base.service.put('eve/private/planted.manifest.json', bufferBody(`${'0'.repeat(64)}\n${forged}\n`));
    await lab.recover();
    expect(await lab.parts.manifestReconciler.reconcileStore(lab.base.service)).toBe(0);
    expect(await rows()).toMatchObject([{ id: mine.id, deletedAt: null }]);
  });

  test('an upload whose bytes are gone everywhere leaves nothing and frees its key', async () => {
    const stalled = await stalledCreate(lab, 'k');
    const [spool] = await lab.placed.spools.ofHost();
    const after = await next();
    await after.directory.remove(spool?.fileName ?? '');
    await after.recover();
    await after.recover();
    expect(await rows()).toEqual([]);
    expect(await after.remains()).toEqual(EMPTY);
    expect(await database.db.select().from(idempotencyKeys)).toEqual([]);
    stalled.wake();
    await expect(stalled.create).rejects.toMatchObject({ code: expect.any(String) });
    expect((await after.remains()).base).toEqual([]);
  });

  test('a deletion that was answered is done again when the database forgot it', async () => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    await lab.runJobs();
    await lab.parts.service.delete('ada', dataset.id);
    await database.db.execute(sql`truncate longshore.tombstones, longshore.jobs`);
    await database.db.update(trainingDatasets).set({ deletedAt: null, attempt: 1 });
    await database.db.execute(sql`update longshore.dataset_replicas set state = 'completed'`);
    const after = await next();
    await after.recover();
    expect(await rows()).toEqual([]);
    expect(await after.remains()).toEqual({ ...EMPTY, manifests: [`${dataset.id}.deleted`] });
  });

  test('a dataset that another host deleted does not hinder the start of the host that has its spool', async () => {
    await lab.enterPhase(database.db, 'dual_write');
    lab.bucket.failing = 'unavailable';
    const dataset = await lab.parts.creator.create(await lab.draft());
    lab.bucket.failing = undefined;
    // What the other host does: it may not touch this host's files, nor their rows.
    await database.db.transaction((tx) => lab.parts.remover.mark(tx, dataset.id));
    await database.db.execute(sql`delete from longshore.dataset_replicas`);
    await database.db.execute(sql`delete from public.training_datasets`);
    await database.db.execute(sql`delete from longshore.dataset_reports`);
    await database.db.execute(sql`delete from longshore.jobs`);
    await lab.base.service.delete(`ada/private/${dataset.id}.manifest.json`);
    await lab.base.service.delete(`ada/private/${dataset.id}.jsonl.gz`);
    const after = await next();
    await after.recover();
    await after.recover();
    expect(await rows()).toEqual([]);
    expect(await database.db.select().from(spools)).toEqual([]);
    expect((await after.remains()).spool).toEqual([]);
  });

  test('a deletion of a dataset whose very rows were lost is done too', async () => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    const manifest = await lab.parts.files.read(dataset.id);
    await lab.parts.service.delete('ada', dataset.id);
    if (manifest !== undefined) await lab.parts.files.write(manifest);
    const after = await next();
    await database.db.execute(sql`truncate public.training_datasets, longshore.spools, longshore.dataset_replicas,
      longshore.dataset_reports, longshore.tombstones, longshore.jobs cascade`);
    await after.recover();
    expect(await rows()).toEqual([]);
    expect(await after.remains()).toEqual({ ...EMPTY, manifests: [`${dataset.id}.deleted`] });
  });

  test.each(['after the mark', 'after the manifests', 'after the objects'])(
    'a deletion that stops %s is finished',
    async (step) => {
      await lab.enterPhase(database.db, 'dual_write');
      const dataset = await lab.parts.creator.create(await lab.draft());
      await lab.runJobs();
      await lab.parts.service.delete('ada', dataset.id);
      const copies = await lab.placed.replicas.ofDataset(dataset.id);
      if (step !== 'after the mark') for (const copy of copies) await lab.placed.cleaner.removeManifest(copy);
      if (step === 'after the objects') for (const copy of copies) await lab.placed.cleaner.removeReplica(copy);
      const after = await next();
      await after.recover();
      expect(await rows()).toEqual([]);
      const remains = await after.remains();
      expect([...remains.base, ...remains.bucket].filter((key) => !key.endsWith('sentinel'))).toEqual([]);
      await expect(after.parts.service.get('ada', dataset.id)).rejects.toMatchObject({ code: 'dataset_not_found' });
    },
  );

  test('a dataset that is deleted while it is being made is gone, and its maker is told', async () => {
    const stalled = await stalledCreate(lab);
    const [row] = await rows();
    await lab.parts.service.delete('ada', row?.id ?? '');
    lab.base.beforePut = async () => undefined;
    stalled.wake();
    await expect(stalled.create).rejects.toMatchObject({ code: 'fenced' });
    await lab.runJobs();
    expect(await rows()).toEqual([]);
    expect((await lab.remains()).base).toEqual([]);
    expect((await lab.remains()).spool).toEqual([]);
  });

  test('a store that is down keeps an interrupted upload waiting, until it is back', async () => {
    const stalled = await stalledCreate(lab);
    const after = await next();
    after.base.failing = 'unavailable';
    await after.recover();
    expect(await rows()).toMatchObject([{ status: 'uploading' }]);
    after.base.failing = undefined;
    await database.db.update(spools).set({ leaseUntil: new Date(0) });
    await after.recover();
    expect(await rows()).toMatchObject([{ status: 'ready' }]);
    stalled.wake();
    await expect(stalled.create).rejects.toMatchObject({ code: 'fenced' });
  });

  test('a spool of another host is none of our business', async () => {
    await stalledCreate(lab);
    await database.db.update(spools).set({ hostId: 'elsewhere', leaseUntil: new Date(0) });
    const after = await next();
    await after.recover();
    expect(await rows()).toMatchObject([{ status: 'uploading', attempt: 1 }]);
    const [row] = await rows();
    await database.db.delete(trainingDatasets).where(eq(trainingDatasets.id, row?.id ?? ''));
    await after.recover();
    expect(await database.db.select().from(spools)).toHaveLength(1);
  });
});
