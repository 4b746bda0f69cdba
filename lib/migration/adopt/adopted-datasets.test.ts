import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '@/lib/db/ids.ts';
import { Adoption } from '@/lib/migration/adopt/adoption.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';
import { oldObject } from '@/tests/support/old-application.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const USER = 'ada';

describeDatabase('datasets of an application from before Longshore', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
  });
  afterEach(() => lab.dispose());

  const path = (id: string) => `${USER}/private/${id}.jsonl.gz`;
  const store = (id: string, object: Uint8Array, key = path(id)) => lab.base.service.put(key, bufferBody(object));
  const insert = async (id: string, more: { metadata?: object; key?: string } = {}) => {
    await database.db.execute(sql`
      insert into public.training_datasets (id, user_id, name, format, storage_path, metadata)
      values (${id}, ${USER}, ${id}, 'messages', ${more.key ?? path(id)}, ${JSON.stringify(more.metadata ?? {})}::jsonb)`);
  };
  const adopt = () => {
    const { db } = database;
    const { repository } = lab.adoption;
    return new Adoption({ db, repository, base: lab.base.service, newId, now: () => new Date() }).apply();
  };
  const adopted = async (id: string, object: Uint8Array, metadata?: object) => {
    await store(id, object);
    await insert(id, { metadata });
    await adopt();
  };
  const follow = async () => {
    await lab.sweep.run();
    await lab.runJobs();
  };
  const preview = (id: string, offset = 0, limit = 2) => lab.parts.service.preview(USER, id, { offset, limit });
  const row = async (id: string) => {
    const { rows } = await database.db.execute<Record<string, unknown>>(
      sql`select * from public.training_datasets where id = ${id}`,
    );
    return rows[0];
  };
  const copies = async (id: string) =>
    (await lab.placed.replicas.ofDataset(id)).map(({ provider, generation, state, verifiedAt }) => {
      return `${provider} ${generation} ${verifiedAt === null ? state : 'verified'}`;
    });
  const problems = async (id: string) => {
    const found: string[] = [];
    for await (const problem of lab.adoption.repository.problems())
      if (problem.dataset_id === id) found.push(problem.code);
    return found.sort();
  };

  test('can be shown, opened and checked before anybody has read them, and after', async () => {
    await adopted('a', oldObject(5));
    expect((await preview('a', 1)).examples[0]).toContain('Hello 1');
    expect(await lab.parts.urls.generateDownloadUrl({ datasetId: 'a', userId: USER })).toMatchObject({
      provider: 'filesystem',
    });
    expect(await copies('a')).toEqual(['filesystem 0 completed']);
    await follow();
    expect(await copies('a')).toEqual(['filesystem 0 verified']);
    expect(await preview('a', 3)).toMatchObject({
      total: 5,
      examples: [expect.stringContaining('Hello 3'), expect.anything()],
    });
    expect(await lab.parts.service.verify(USER, 'a')).toMatchObject({ replicas: [{ mark: '=' }] });
  });

  test('a check reads one for the first time where the background has not come to it', async () => {
    await adopted('a', oldObject(5));
    expect(await lab.parts.service.verify(USER, 'a')).toMatchObject({
      replicas: [{ mark: '=' }],
      dataset: { object_sha256: sha256(oldObject(5)), total_examples: 5 },
    });
  });

  test('the first reading tells hashes, counts, kind and where to read', async () => {
    const object = oldObject(300);
    await adopted('a', object);
    await follow();
    const content = Buffer.from(
      await new Response(
        new Blob([new Uint8Array(object)]).stream().pipeThrough(new DecompressionStream('gzip')),
      ).arrayBuffer(),
    );
    expect(await row('a')).toMatchObject({
      ...{ object_sha256: sha256(object), content_sha256: sha256(content), kind: 'messages', total_examples: 300 },
      block_index: { firstRecords: [0, 300], contentOffsets: [0, content.byteLength] },
      ...{ format: 'messages', storage_path: path('a') },
    });
    const shard = await lab.parts.service.shard(USER, 'a', { index: 1, count: 2 });
    expect((await shard.toArray()).join('').trim().split('\n')).toHaveLength(150);
    expect(await problems('a')).toEqual([]);
    expect(await lab.parts.service.report(USER, 'a')).toMatchObject({ outcome: 'accepted', kind: 'messages' });
  });

  test('larger content than one block is read from its beginning, as it was', async () => {
    await adopted('a', oldObject(3000, 'x'.repeat(1000)));
    await follow();
    expect(await row('a')).toMatchObject({
      block_index: null,
      total_examples: 3000,
      object_sha256: expect.any(String),
    });
    expect((await preview('a', 2999)).examples).toEqual([expect.stringContaining(' 2999"')]);
  });

  describe('whatever the old application stored', () => {
    const lines = '{"messages":[]}\n{"a":1}\n';
    test.each<[string, Uint8Array, string[], object]>([
      ['text that is not packed', Buffer.from(lines), ['not_gzip'], { code: 'not_gzip' }],
      ['packed text of another kind', gzipSync('name,age\nada,36\n'), ['not_jsonl'], { code: 'not_jsonl' }],
      ['gzip that is cut off', oldObject(2000).subarray(0, 900), ['gzip_damaged'], {}],
      ['gzip with junk behind it', Buffer.concat([oldObject(1), Buffer.from('junk')]), ['gzip_damaged'], {}],
      ['records of no known format', gzipSync('{"foo":1,"bar":2}\n'.repeat(9)), ['unrecognised_records'], {}],
      ['a byte', Buffer.from([0x1f]), ['not_gzip'], { code: 'not_gzip' }],
      ['nothing', Buffer.alloc(0), ['empty_object'], { code: 'not_gzip' }],
    ])('%s: told, and handed out as it is', async (_name, object, codes, refusal) => {
      await adopted('a', object);
      const shown = await preview('a').catch((error) => error);
      if (Object.keys(refusal).length > 0) expect(shown).toMatchObject(refusal);
      await follow();
      expect(await problems('a')).toEqual(codes);
      expect(await row('a')).toMatchObject({ object_sha256: sha256(object), kind: null });
      expect(await copies('a')).toEqual(['filesystem 0 verified']);
      await lab.enterPhase(database.db, 'dual_write');
      expect(await lab.parts.service.verify(USER, 'a')).toMatchObject({ replicas: [{ mark: '=' }] });
    });
  });

  test('an object that is not there is told, and found when it is put back', async () => {
    await insert('a');
    await adopt();
    await follow();
    expect(await copies('a')).toEqual(['filesystem 0 missing']);
    expect(await problems('a')).toEqual(['object_missing']);
    await store('a', oldObject(2));
    await adopt();
    await follow();
    expect(await copies('a')).toEqual(['filesystem 0 verified']);
    expect(await problems('a')).toEqual([]);
  });

  test('one that cannot be read holds up no other, and is read by a later attempt', async () => {
    const ids = Array.from({ length: 40 }, (_, at) => `d${at}`);
    for (const id of ids) {
      await store(id, oldObject(2));
      await insert(id);
    }
    await adopt();
    const unread = () => lab.adoption.readings.open();
    const refusal = new StorageError('unavailable', { provider: 'filesystem', operation: 'get', key: path('d7') });
    lab.base.beforeGet = async (key) => {
      if (key === path('d7')) throw refusal;
    };
    const slices = await unread();
    expect(slices.reduce((sum, { datasets }) => sum + datasets, 0)).toBe(40);
    const outcomes = await Promise.allSettled(slices.map(({ slice }) => lab.adoption.readings.work(slice)));
    expect(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? outcome.reason : []))).toEqual([refusal]);
    expect(await unread()).toEqual([{ slice: expect.any(Number), datasets: 1 }]);
    expect(await row('d7')).toMatchObject({ object_sha256: null });
    lab.base.beforeGet = async () => undefined;
    await follow();
    expect(await unread()).toEqual([]);
    for (const id of ids) expect(await copies(id)).toEqual(['filesystem 0 verified']);
  });

  test('a row that nobody took in is left alone by everything that looks after copies', async () => {
    const key = `${USER}/elsewhere/a.jsonl.gz`;
    await store('a', oldObject(2), key);
    await insert('a', { key });
    await lab.enterPhase(database.db, 'dual_write');
    const before = await row('a');
    await lab.placed.reconciler.reconcileAll();
    await follow();
    expect(await row('a')).toEqual(before);
    expect(await copies('a')).toEqual([]);
  });

  test('a copy in S3 that metadata names is taken in, compared, and not written again', async () => {
    const s3Key = `${USER}/datasets/a.jsonl.gz`;
    await lab.bucket.service.put(s3Key, bufferBody(oldObject(4)));
    await adopted('a', oldObject(4), { s3_storage_path: s3Key, storage_provider: 'dual', own: 1 });
    await follow();
    expect(await copies('a')).toEqual(['filesystem 0 verified', 's3 0 verified']);
    expect((await row('a'))?.metadata).toEqual({ s3_storage_path: s3Key, storage_provider: 'dual', own: 1 });
  });

  test('a copy in S3 that is another or not there is told, and its record stands until there is a better one', async () => {
    const s3Key = `${USER}/datasets/a.jsonl.gz`;
    await lab.bucket.service.put(s3Key, bufferBody(oldObject(5)));
    await adopted('a', oldObject(4), { s3_storage_path: s3Key });
    await adopted('b', oldObject(4), { s3_storage_path: `${USER}/datasets/b.jsonl.gz` });
    await follow();
    expect(await copies('a')).toEqual(['filesystem 0 verified', 's3 0 corrupt']);
    expect(await copies('b')).toEqual(['filesystem 0 verified']);
    expect(await problems('b')).toEqual(['s3_object_missing']);
    expect((await row('b'))?.metadata).toMatchObject({ s3_storage_path: `${USER}/datasets/b.jsonl.gz` });
  });

  test('what the old application deletes stays deleted, in every store', async () => {
    const s3Key = `${USER}/datasets/a.jsonl.gz`;
    await lab.bucket.service.put(s3Key, bufferBody(oldObject(4)));
    await adopted('a', oldObject(4), { s3_storage_path: s3Key });
    await follow();
    await database.db.execute(sql`delete from public.training_datasets where id = 'a'`);
    await follow();
    expect(await copies('a')).toEqual([]);
    const remains = await lab.remains();
    expect([...remains.base, ...remains.bucket].filter((key) => key.endsWith('.gz'))).toEqual([]);
  });

  test('an object that another row names is never removed', async () => {
    await adopted('a', oldObject(4));
    await follow();
    await insert('twin', { key: path('a') });
    await database.db.execute(sql`delete from public.training_datasets where id = 'a'`);
    await follow();
    await lab.placed.cleaner.checkTombstones();
    expect((await lab.remains()).base).toContain(path('a'));
    await follow();
    expect(await copies('twin')).toEqual([]);
  });

  test('a dataset of ours that the old application deletes is not brought back by its manifest', async () => {
    const { id } = await lab.parts.creator.create(await lab.draft());
    await database.db.execute(sql`delete from public.training_datasets where id = ${id}`);
    await lab.parts.manifestReconciler.reconcileHost();
    expect(await row(id)).toBeUndefined();
    await follow();
    await lab.parts.manifestReconciler.reconcileHost();
    expect(await row(id)).toBeUndefined();
    expect(await lab.remains()).toMatchObject({ bucket: [], spool: [], manifests: [] });
  });

  test('a row that is deleted and written again keeps its object', async () => {
    await adopted('a', oldObject(4));
    await follow();
    await database.db.transaction(async (tx) => {
      await tx.execute(sql`delete from public.training_datasets where id = 'a'`);
      await tx.execute(sql`insert into public.training_datasets (id, user_id, name, format, storage_path)
        values ('a', ${USER}, 'a', 'messages', ${path('a')})`);
    });
    await follow();
    await follow();
    expect(await copies('a')).toEqual(['filesystem 0 verified']);
    expect((await lab.remains()).base).toContain(path('a'));
    expect((await preview('a')).examples).toHaveLength(2);
  });

  test('a dataset that is given another object is read again, and its copies are replaced', async () => {
    const s3Key = `${USER}/datasets/a.jsonl.gz`;
    await lab.bucket.service.put(s3Key, bufferBody(oldObject(4)));
    await adopted('a', oldObject(4), { s3_storage_path: s3Key });
    await follow();
    const next = `${USER}/private/a-second.jsonl.gz`;
    await store('a', oldObject(9), next);
    await database.db.execute(
      sql`update public.training_datasets set storage_path = ${next}, created_at = now() where id = 'a'`,
    );
    await lab.enterPhase(database.db, 'dual_write');
    await follow();
    expect(await row('a')).toMatchObject({ object_sha256: sha256(oldObject(9)), storage_path: next });
    expect(await preview('a', 8)).toMatchObject({ examples: [expect.stringContaining('Hello 8')] });
    expect((await lab.remains()).base).toEqual(expect.arrayContaining([next, path('a')]));
    expect(await copies('a')).not.toContain('s3 0 verified');
  });
});
