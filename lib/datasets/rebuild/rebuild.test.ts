import { tmpdir } from 'node:os';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KnownObjects } from '@/lib/datasets/orphans/known-objects.ts';
import { CatalogueRebuilder } from '@/lib/datasets/rebuild/catalogue-rebuilder.ts';
import { ObjectIndexer } from '@/lib/datasets/rebuild/object-indexer.ts';
import { Restorer } from '@/lib/datasets/rebuild/restorer.ts';
import { newId } from '@/lib/db/ids.ts';
import { trainingDatasets } from '@/lib/db/schema.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import { objectMetadata } from '@/lib/placement/integrity.ts';
import { StoreInventory } from '@/lib/placement/store-inventory.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab, INSTALLATION } from '@/tests/support/dataset-lab.ts';

const RECORDS = [1, 2, 3].map((n) => ({
  messages: [
    { role: 'user', content: `question ${n}` },
    { role: 'assistant', content: `answer ${n}` },
  ],
}));

describeDatabase('rebuild', (database) => {
  let lab: DatasetLab;
  let pool: IngestPool;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
    await lab.enterPhase(database.db, 'dual_write');
    pool = new IngestPool({ threads: 1 });
  });
  afterEach(async () => {
    await pool.close();
    await lab.dispose();
  });

  const rebuilder = () => {
    const { db } = database;
    const own = () => [lab.base.service, lab.bucket.service];
    return new CatalogueRebuilder({
      inventory: new StoreInventory({ db, registry: lab.registry, own }),
      known: new KnownObjects(db),
      restorer: new Restorer({ db, datasets: lab.parts.datasets, replicas: lab.placed.replicas }),
      indexer: new ObjectIndexer({ pool, temporaryDirectory: tmpdir() }),
      keys: lab.keys,
      installationId: INSTALLATION,
      isBuried: (id) => lab.parts.files.isBuried(id),
    });
  };
  const rebuild = (apply = true) => rebuilder().run({ apply });
  const make = async (name: string) => {
    const dataset = await lab.parts.creator.create(await lab.draft(RECORDS, { name }));
    await lab.runJobs();
    for (const { id } of await lab.placed.replicas.ofDataset(dataset.id)) await lab.parts.publisher.publish(id);
    return dataset;
  };
  const loseDatabase = () =>
    database.db.execute(sql`truncate public.training_datasets, longshore.spools, longshore.dataset_replicas,
      longshore.dataset_reports, longshore.tombstones, longshore.jobs`);
  /** Without what changes with the moment or with who asks. */
  const rows = async () => {
    const found = await database.db.select().from(trainingDatasets).orderBy(trainingDatasets.id);
    return found.map(({ attempt: _attempt, updatedAt: _updatedAt, ...row }) => row);
  };
  const removeAll = async (where: 'base' | 'bucket', suffix: string) => {
    const { service } = lab[where];
    for (const { key } of (await service.list('')).objects) if (key.endsWith(suffix)) await service.delete(key);
  };

  test('every fact of every dataset comes back, the bytes prove themselves, and records can be read', async () => {
    await make('first');
    const { id } = await make('second');
    const before = await rows();
    await loseDatabase();
    expect((await rebuild(false)).datasets).toMatchObject({ from_manifest: 2, from_object: 0 });
    expect(await rows()).toEqual([]);
    const report = await rebuild();
    expect(report).toMatchObject({
      datasets: { from_manifest: 2, from_object: 0 },
      copies: { restored: 4 },
      users: ['ada'],
    });
    expect(report.refused).toEqual([]);
    expect(await rows()).toEqual(before);
    expect((await lab.parts.service.verify('ada', id)).replicas.map(({ mark }) => mark)).toEqual(['=', '=']);
    const page = await lab.parts.service.preview('ada', id, { offset: 1, limit: 1 });
    expect(page).toMatchObject({ total: 3, examples: [JSON.stringify(RECORDS[1])] });
    expect((await lab.parts.service.report('ada', id)).records.written).toBe(3);
  });

  test('it may be repeated, and a second run finds nothing to do', async () => {
    await make('one');
    await loseDatabase();
    await rebuild();
    const [before, copies] = [await rows(), await lab.placed.replicas.ofDatasets((await rows()).map(({ id }) => id))];
    const again = await rebuild();
    expect(again).toMatchObject({
      datasets: { from_manifest: 0, from_object: 0, known: 1 },
      copies: { restored: 0, known: 2 },
    });
    expect(await rows()).toEqual(before);
    expect(await lab.placed.replicas.ofDatasets(before.map(({ id }) => id))).toEqual(copies);
  });

  test('one store is enough: its manifests say as much', async () => {
    const { id } = await make('kept in the bucket');
    await removeAll('base', '');
    await loseDatabase();
    expect(await rebuild()).toMatchObject({ datasets: { from_manifest: 1 }, copies: { restored: 1 } });
    const [row] = await rows();
    expect(row).toMatchObject({ id, name: 'kept in the bucket', kind: 'messages', totalExamples: 3 });
    expect(row?.blockIndex?.firstRecords.at(-1)).toBe(3);
    await lab.placed.reconciler.reconcile(id);
    await lab.runJobs();
    expect(
      (await lab.placed.replicas.ofDataset(id)).map(({ provider, verifiedAt }) => [provider, verifiedAt !== null]),
    ).toEqual([
      ['s3', true],
      ['filesystem', true],
    ]);
  });

  test('without a manifest the bytes tell kind, count and hashes', async () => {
    const { id, content_sha256 } = await make('named');
    for (const where of ['base', 'bucket'] as const) await removeAll(where, '.manifest.json');
    await loseDatabase();
    expect(await rebuild()).toMatchObject({ datasets: { from_manifest: 0, from_object: 1 }, copies: { restored: 2 } });
    expect(await rows()).toMatchObject([
      { id, name: `restored-${id}`, kind: 'messages', totalExamples: 3, contentSha256: content_sha256 },
    ]);
    const page = await lab.parts.service.preview('ada', id, { offset: 2, limit: 5 });
    expect(page.examples).toEqual([JSON.stringify(RECORDS[2])]);
  });

  test('what was planted is refused: unsigned, of others, moved, changed, or with a manifest of its own', async () => {
    const { id, object_sha256 } = await make('real');
    const { body } = await lab.bucket.service.get(`ada/datasets/${id}.jsonl.gz`);
    const bytes = Buffer.concat(await body.toArray());
    const plant = async (user: string, datasetId: string, content: Buffer, identity?: Record<string, string>) => {
      const claims = {
        installationId: INSTALLATION,
        userId: user,
        datasetId,
        objectSha256: object_sha256 ?? '',
        ...identity,
      };
      const metadata = identity === undefined ? {} : objectMetadata(claims, lab.keys);
      await lab.bucket.service.put(`${user}/datasets/${datasetId}.jsonl.gz`, bufferBody(content), { metadata });
    };
    const [bare, foreign, moved, changed] = [newId(), newId(), newId(), newId()];
    await plant('eve', bare, bytes);
    await plant('eve', foreign, bytes, { installationId: 'other' });
    await plant('eve', moved, bytes, { userId: 'ada' });
    await plant('ada', changed, Buffer.from('not those bytes'), {});
    const manifest = await lab.bucket.service.get(`ada/datasets/${id}.manifest.json`);
    const stolen = Buffer.concat(await manifest.body.toArray());
    await lab.bucket.service.put(`eve/datasets/${moved}.manifest.json`, bufferBody(stolen));
    await lab.bucket.service.put(
      `eve/datasets/${bare}.manifest.json`,
      bufferBody(stolen.toString().replace('real', 'fake')),
    );
    await loseDatabase();
    const report = await rebuild();
    const reasons = Object.fromEntries(report.refused.map(({ key, reason }) => [key, reason]));
    expect(reasons).toEqual({
      [`eve/datasets/${bare}.jsonl.gz`]: 'unsigned',
      [`eve/datasets/${foreign}.jsonl.gz`]: 'other_installation',
      [`eve/datasets/${moved}.jsonl.gz`]: 'wrong_place',
      [`ada/datasets/${changed}.jsonl.gz`]: 'corrupt',
      [`eve/datasets/${moved}.manifest.json`]: 'manifest_refused',
      [`eve/datasets/${bare}.manifest.json`]: 'manifest_refused',
    });
    expect((await rows()).map((row) => row.id)).toEqual([id]);
  });

  test('a dataset whose deletion is remembered does not come back', async () => {
    const kept = await make('kept');
    const [one, two] = [await make('remembered on disk'), await make('remembered in the database')];
    await lab.parts.remover.delete('ada', one.id);
    await loseDatabase();
    await database.db.execute(sql`
      insert into longshore.tombstones (id, dataset_id, user_id, provider, bucket, object_key, reason, check_after, done_at)
      values ('t', ${two.id}, 'ada', 's3', 'elsewhere', 'x', 'dataset_deleted', now(), now())`);
    expect(await rebuild()).toMatchObject({ datasets: { from_manifest: 1, deleted: 2 } });
    expect((await rows()).map(({ id }) => id)).toEqual([kept.id]);
  });

  test('a store that does not answer is told, and the next run takes its copies', async () => {
    const { id } = await make('one');
    await loseDatabase();
    lab.bucket.failing = 'unavailable';
    expect(await rebuild()).toMatchObject({
      unreachable: [{ store: `s3/${lab.bucket.service.bucket}`, code: 'unavailable' }],
      copies: { restored: 1 },
    });
    lab.bucket.failing = undefined;
    expect(await rebuild()).toMatchObject({ datasets: { from_manifest: 0 }, copies: { restored: 1, known: 1 } });
    expect(await lab.placed.replicas.ofDataset(id)).toHaveLength(2);
  });
});
