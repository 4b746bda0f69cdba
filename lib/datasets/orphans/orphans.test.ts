import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { composeOrphans } from '@/lib/composition/orphans.ts';
import type { OrphanService } from '@/lib/datasets/orphans/orphan-service.ts';
import { newId } from '@/lib/db/ids.ts';
import { IntegrityKeys, objectMetadata } from '@/lib/placement/integrity.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab, INSTALLATION } from '@/tests/support/dataset-lab.ts';

const HOUR_MS = 3_600_000;

describeDatabase('orphans', (database) => {
  let lab: DatasetLab;
  let orphans: OrphanService;
  let hoursLater: number;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
    await lab.enterPhase(database.db, 'dual_write');
    hoursLater = 7;
    orphans = composeOrphans(
      {
        ...{ db: database.db, registry: lab.registry, keys: lab.keys, installationId: INSTALLATION },
        ...{ longestRequestMs: 6 * HOUR_MS, files: lab.parts.files, audit: new AuditLog(database.db) },
        own: () => [lab.base.service, lab.bucket.service],
        now: () => new Date(Date.now() + hoursLater * HOUR_MS),
      },
      lab.placed,
    );
  });
  afterEach(() => lab.dispose());

  const make = async () => {
    const dataset = await lab.parts.creator.create(await lab.draft());
    await lab.runJobs();
    return dataset;
  };
  const bytesOf = async (key: string) => {
    const { body } = await lab.bucket.service.get(key);
    return Buffer.concat(await body.toArray());
  };
  const plant = (key: string, bytes: Buffer, metadata: Record<string, string> = {}) =>
    lab.bucket.service.put(key, bufferBody(bytes), { metadata });
  const signed = (
    datasetId: string,
    objectSha256: string,
    more: Partial<{ userId: string; installationId: string }> = {},
  ) => objectMetadata({ installationId: INSTALLATION, userId: 'ada', datasetId, objectSha256, ...more }, lab.keys);
  const found = async () => (await orphans.list({ limit: 100 })).orphans;
  const verdicts = async () => (await found()).map(({ key, verdict, reason }) => [key, reason ?? verdict]);
  const store = () => `s3/${lab.bucket.service.bucket}`;

  test('what rows name is no orphan, in whatever state the row is', async () => {
    await make();
    await make();
    await database.db.execute(sql`update longshore.dataset_replicas set state = 'corrupt' where provider = 's3'`);
    const page = await orphans.list({ limit: 100 });
    expect(page).toMatchObject({ orphans: [], unreachable: [], next_cursor: null });
    expect(page.looked_at).toBeGreaterThan(4);
  });

  test('young objects, uploads under way, deletions under way and late completions are none', async () => {
    const dataset = await make();
    const sha = dataset.object_sha256 ?? '';
    const extra = `ada/datasets/${dataset.id}.g7.jsonl.gz`;
    await plant(extra, await bytesOf(`ada/datasets/${dataset.id}.jsonl.gz`), signed(dataset.id, sha));
    hoursLater = 5;
    expect(await found()).toEqual([]);
    hoursLater = 7;
    expect(await verdicts()).toEqual([[extra, 'adoptable']]);
    await database.db.execute(sql`update public.training_datasets set status = 'uploading'`);
    expect(await found()).toEqual([]);
    await database.db.execute(sql`update public.training_datasets set status = 'ready', deleted_at = now()`);
    expect(await found()).toEqual([]);
    await database.db.execute(sql`update public.training_datasets set deleted_at = null`);
    await database.db.execute(sql`
      insert into longshore.tombstones (id, dataset_id, user_id, provider, bucket, object_key, reason, check_after)
      values ('t', ${dataset.id}, 'ada', 's3', ${lab.bucket.service.bucket}, ${extra}, 'replica_retired', now())`);
    expect(await found()).toEqual([]);
  });

  test('every object gets the verdict that its signature, its place and its dataset give', async () => {
    const dataset = await make();
    const gone = await make();
    const bytes = await bytesOf(`ada/datasets/${dataset.id}.jsonl.gz`);
    const sha = dataset.object_sha256 ?? '';
    await lab.parts.remover.delete('ada', gone.id);
    await lab.runJobs();
    await database.db.execute(sql`update longshore.tombstones set done_at = now()`);
    const [unknown, foreign, elsewhere, bare] = [newId(), newId(), newId(), newId()];
    const keyOf = (id: string, generation = '') => `ada/datasets/${id}${generation}.jsonl.gz`;
    await plant(keyOf(dataset.id, '.g1'), bytes, signed(dataset.id, sha));
    await plant(keyOf(dataset.id, '.g2'), bytes, signed(dataset.id, 'another'));
    await plant(keyOf(gone.id), bytes, signed(gone.id, sha));
    await plant(keyOf(unknown), bytes, signed(unknown, sha));
    await plant(keyOf(foreign), bytes, signed(foreign, sha, { installationId: 'other' }));
    await plant(keyOf(elsewhere), bytes, signed(elsewhere, sha, { userId: 'bob' }));
    await plant(keyOf(bare), bytes);
    await plant('ada/datasets/notes.txt', bytes);
    const given = new Map((await found()).map(({ key, verdict, reason }) => [key, reason ?? verdict]));
    expect(Object.fromEntries(given)).toEqual({
      [keyOf(dataset.id, '.g1')]: 'adoptable',
      [keyOf(dataset.id, '.g2')]: 'stale',
      [keyOf(gone.id)]: 'deleted',
      [keyOf(unknown)]: 'restorable',
      [keyOf(foreign)]: 'other_installation',
      [keyOf(elsewhere)]: 'wrong_place',
      [keyOf(bare)]: 'unsigned',
    });
  });

  test('an object that only an old column names is no orphan', async () => {
    const id = newId();
    const key = `ada/datasets/${id}.jsonl.gz`;
    await plant(key, Buffer.from('old'));
    expect(await verdicts()).toEqual([[key, 'unsigned']]);
    await database.db.execute(sql`
      insert into public.training_datasets (id, user_id, name, format, storage_path, metadata)
      values ('old', 'ada', 'old', 'messages', 'x', ${JSON.stringify({ s3_storage_path: key })}::jsonb)`);
    expect(await found()).toEqual([]);
  });

  test('an adopted object serves as a copy; one whose bytes are others is refused and stays unserved', async () => {
    const dataset = await make();
    const sha = dataset.object_sha256 ?? '';
    const bytes = await bytesOf(`ada/datasets/${dataset.id}.jsonl.gz`);
    const [good, bad] = [1, 2].map((n) => `ada/datasets/${dataset.id}.g${n}.jsonl.gz`);
    await plant(good ?? '', bytes, signed(dataset.id, sha));
    await plant(bad ?? '', Buffer.from('other bytes'), signed(dataset.id, sha));
    await expect(orphans.adopt(store(), bad ?? '', 'admin')).rejects.toMatchObject({ code: 'orphan_refused' });
    await orphans.adopt(store(), good ?? '', 'admin');
    await lab.runJobs();
    const copies = await lab.placed.replicas.ofDataset(dataset.id);
    expect(copies.filter(({ verifiedAt }) => verifiedAt !== null).map(({ objectKey }) => objectKey)).toContain(good);
    expect(copies.map(({ objectKey }) => objectKey)).not.toContain(bad);
    expect(await verdicts()).toEqual([[bad, 'adoptable']]);
    await expect(orphans.adopt(store(), good ?? '', 'admin')).rejects.toMatchObject({ code: 'not_an_orphan' });
  });

  test('nothing is removed that is not ours, that could be of use, or that a row has come to name', async () => {
    const dataset = await make();
    const sha = dataset.object_sha256 ?? '';
    const bytes = await bytesOf(`ada/datasets/${dataset.id}.jsonl.gz`);
    const unknown = newId();
    const keys = {
      unsigned: `ada/datasets/${newId()}.jsonl.gz`,
      adoptable: `ada/datasets/${dataset.id}.g1.jsonl.gz`,
      restorable: `ada/datasets/${unknown}.jsonl.gz`,
      stale: `ada/datasets/${dataset.id}.g2.jsonl.gz`,
    };
    await plant(keys.unsigned, bytes);
    await plant(keys.adoptable, bytes, signed(dataset.id, sha));
    await plant(keys.restorable, bytes, signed(unknown, sha));
    await plant(keys.stale, bytes, signed(dataset.id, 'another'));
    const remove = (key: string, restorable = false) => orphans.remove(store(), key, { actor: 'admin', restorable });
    for (const key of [keys.unsigned, keys.adoptable, keys.restorable]) {
      await expect(remove(key)).rejects.toMatchObject({ code: 'orphan_refused' });
    }
    await expect(remove(`ada/datasets/${dataset.id}.jsonl.gz`)).rejects.toMatchObject({ code: 'not_an_orphan' });
    await remove(keys.stale);
    await remove(keys.restorable, true);
    expect((await lab.remains()).bucket.filter((key) => key.endsWith('.gz')).sort()).toEqual(
      [`ada/datasets/${dataset.id}.jsonl.gz`, keys.unsigned, keys.adoptable].sort(),
    );
    const { rows } = await database.db.execute<{ action: string }>(
      sql`select action from longshore.audit_log where action like 'orphan.%'`,
    );
    expect(rows.map(({ action }) => action)).toEqual(['orphan.removed', 'orphan.removed']);
  });

  test('many objects come page by page, each orphan once, and a store that does not answer is told', async () => {
    const keys = new IntegrityKeys([Buffer.alloc(32, 9)]);
    for (let made = 0; made < 25; made += 1) {
      const id = newId();
      const metadata = objectMetadata(
        { installationId: INSTALLATION, userId: 'eve', datasetId: id, objectSha256: 'x' },
        keys,
      );
      await plant(`eve/datasets/${id}.jsonl.gz`, Buffer.from('x'), metadata);
    }
    const list = lab.bucket.service.list.bind(lab.bucket.service);
    lab.bucket.service.list = (prefix, options) => list(prefix, { ...options, limit: 4 });
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ; pages += 1) {
      const page = await orphans.list({ cursor, limit: 5 });
      seen.push(...page.orphans.map(({ key }) => key));
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    expect(pages).toBeGreaterThan(2);
    expect(new Set(seen).size).toBe(25);
    expect(seen).toHaveLength(25);
    await expect(orphans.list({ cursor: 'nonsense', limit: 5 })).rejects.toMatchObject({ code: 'invalid_cursor' });
    lab.bucket.failing = 'unavailable';
    expect((await orphans.list({ limit: 5 })).unreachable).toEqual([{ store: store(), code: 'unavailable' }]);
  });
});
