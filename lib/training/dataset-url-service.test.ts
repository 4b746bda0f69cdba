import { eq, sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { datasetReplicas, jobs } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { replicaJob } from '@/lib/placement/job-types.ts';
import { ReplicaReader } from '@/lib/placement/replica-reader.ts';
import { addressOf, type StoreRegistry, sameStore } from '@/lib/placement/store-registry.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';
import { DatasetUrlService } from './dataset-url-service.ts';

describeDatabase('download URLs', (database) => {
  let lab: DatasetLab;
  let id: string;
  let nowMs: number;
  let stats: string[];
  /** Awaited before each stat of the bucket: a store that is slow. */
  let beforeStat: () => Promise<void>;
  let knownSecrets: boolean;
  let urls: DatasetUrlService;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
    await lab.enterPhase(database.db, 'hybrid_read');
    id = (await lab.parts.creator.create(await lab.draft())).id;
    await lab.runJobs();
    nowMs = Date.now();
    stats = [];
    beforeStat = async () => undefined;
    knownSecrets = true;
    urls = service(60_000);
  });
  afterEach(() => lab.dispose());

  function watched(service: StorageService, before: () => Promise<void>): StorageService {
    const stat: StorageService['stat'] = async (key, options) => {
      stats.push(service.provider);
      await before();
      return service.stat(key, options);
    };
    return { ...service, stat };
  }

  function service(budgetMs: number): DatasetUrlService {
    const bucket = watched(lab.bucket.service, () => beforeStat());
    const base = watched(lab.base.service, async () => undefined);
    const registry: StoreRegistry = {
      wanted: async () => [],
      resolve: async (address) => {
        if (sameStore(address, addressOf(base, null))) return base;
        if (knownSecrets) return bucket;
        throw new LongshoreError('store_unknown', 'gone');
      },
    };
    const { replicas, phases } = lab.placed;
    const reader = new ReplicaReader({ replicas, phases, registry, jobs: new JobQueue(database.db) });
    return new DatasetUrlService({
      ...{ db: database.db, keepsStatements: true, replicas: reader, registry, budgetMs },
      now: () => new Date(nowMs),
    });
  }

  const ask = () => urls.generateDownloadUrl({ userId: 'ada', datasetId: id });
  const s3Copy = async () => {
    const copy = (await lab.placed.replicas.ofDataset(id)).find(({ provider }) => provider === 's3');
    if (copy === undefined) throw new Error('no copy');
    return copy;
  };
  const FROM_BASE = { provider: 'filesystem', token: 'filesystem-signed' };

  test('the phase decides which copy is asked first', async () => {
    expect(await ask()).toMatchObject({ provider: 's3', token: 's3-presigned' });
    expect(await ask()).not.toHaveProperty('fallback_reason');
    await lab.enterPhase(database.db, 'dual_write');
    expect(await ask()).toMatchObject(FROM_BASE);
    expect(await ask()).not.toHaveProperty('fallback_reason');
  });

  test('a copy that answered is not asked again for seconds', async () => {
    await ask();
    await ask();
    expect(stats).toEqual(['s3']);
    nowMs += 3_000;
    await ask();
    expect(stats).toEqual(['s3']);
    nowMs += 3_000;
    await ask();
    expect(stats).toEqual(['s3', 's3']);
  });

  test('a copy that its reader has just refused is asked last', async () => {
    const request = { userId: 'ada', datasetId: id, avoid: 's3' } as const;
    expect(await urls.generateDownloadUrl(request)).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_avoided' });
    lab.base.failing = 'unavailable';
    expect(await urls.generateDownloadUrl(request)).toMatchObject({ provider: 's3' });
  });

  test('a copy whose credentials were replaced is asked every time', async () => {
    await database.db.execute(sql`insert into longshore.secrets (id, user_id, provider, version, state)
      values ('old', 'ada', 'aws', 1, 'superseded'), ('new', 'ada', 'aws', 2, 'active')`);
    const reachedBy = (secretId: string) =>
      database.db.update(datasetReplicas).set({ secretId }).where(eq(datasetReplicas.provider, 's3'));
    await reachedBy('old');
    await ask();
    await ask();
    expect(stats).toEqual(['s3', 's3']);
    await reachedBy('new');
    await ask();
    await ask();
    expect(stats).toEqual(['s3', 's3', 's3']);
  });

  test('a deleted object: the other copy serves, says why, and the loss is found and mended', async () => {
    await lab.bucket.service.delete((await s3Copy()).objectKey);
    expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_missing' });
    await lab.runJobs();
    expect(await ask()).toMatchObject({ provider: 's3' });
    expect((await s3Copy()).generation).toBe(1);
  });

  test('a loss that is found while the copy is being re-read is looked at once more afterwards', async () => {
    const copy = await s3Copy();
    await new JobQueue(database.db).enqueue(replicaJob('verify', copy));
    await database.db.update(jobs).set({ state: 'running' }).where(eq(jobs.state, 'queued'));
    await lab.bucket.service.delete(copy.objectKey);
    await ask();
    const open = await database.db.select().from(jobs).where(eq(jobs.state, 'running'));
    expect(open).toMatchObject([{ type: 'verify_replica', runAgain: true }]);
  });

  test('an object of another size, and one known to be corrupt, are not served', async () => {
    await lab.bucket.service.put((await s3Copy()).objectKey, bufferBody('short'));
    expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_corrupt' });
    await lab.placed.verifier.verify((await s3Copy()).id);
    stats.length = 0;
    expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_corrupt' });
    expect(stats).not.toContain('s3');
  });

  test('an emptied bucket, whose sentinel is gone too, makes no copy missing', async () => {
    for (const { key } of (await lab.bucket.service.list('')).objects) await lab.bucket.service.delete(key);
    expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_missing' });
    await expect(lab.runJobs()).rejects.toMatchObject({ code: 'unavailable' });
    expect((await s3Copy()).state).toBe('completed');
  });

  test.each(['unavailable', 'unauthorized'] as const)(
    'a store that is %s: the other copy serves, and for seconds is asked first',
    async (code) => {
      lab.bucket.failing = code;
      expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: `s3_${code}` });
      stats.length = 0;
      expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: `s3_${code}` });
      expect(stats).toEqual([]);
      expect((await s3Copy()).state).toBe('completed');
      lab.bucket.failing = undefined;
      nowMs += 5_001;
      expect(await ask()).toMatchObject({ provider: 's3' });
    },
  );

  test('a store that is slow: the next copy is asked beside it, and serves', async () => {
    urls = service(1);
    beforeStat = () => new Promise(() => undefined);
    expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_slow' });
    expect(stats).toEqual(['s3', 'filesystem']);
  });

  test('a failing store makes what was believed of its copies void', async () => {
    await ask();
    const other = (await lab.parts.creator.create(await lab.draft())).id;
    lab.bucket.failing = 'unauthorized';
    await urls.generateDownloadUrl({ userId: 'ada', datasetId: other });
    lab.bucket.failing = undefined;
    lab.base.failing = 'unavailable';
    stats.length = 0;
    expect(await ask()).toMatchObject({ provider: 's3' });
    expect(stats).toContain('s3');
  });

  test('a store that is not known any more is passed; with nothing left the store is named', async () => {
    knownSecrets = false;
    expect(await ask()).toMatchObject({ ...FROM_BASE, fallback_reason: 's3_unknown' });
    lab.base.failing = 'unavailable';
    await expect(ask()).rejects.toMatchObject({ code: expect.stringMatching(/unavailable|store_unknown/) });
  });

  test('every way to name a dataset is bound to its owner', async () => {
    const { objectKey } = await s3Copy();
    const byPath = { userId: 'ada', storagePath: objectKey };
    expect(await urls.generateDownloadUrl(byPath)).toMatchObject({ provider: 's3' });
    const refused = { code: 'dataset_not_found' };
    await expect(urls.generateDownloadUrl({ ...byPath, userId: 'eve' })).rejects.toMatchObject(refused);
    await expect(urls.generateDownloadUrl({ userId: 'eve', datasetId: id })).rejects.toMatchObject(refused);
    await lab.parts.service.delete('ada', id);
    await expect(ask()).rejects.toMatchObject(refused);
    await expect(urls.generateDownloadUrl(byPath)).rejects.toMatchObject(refused);
  });

  test('the expiry is the true one, and bounded', async () => {
    const { expires_at } = await urls.generateDownloadUrl({ userId: 'ada', datasetId: id, expiresInSeconds: 60 });
    expect(Math.abs(new Date(expires_at).getTime() - Date.now() - 60_000)).toBeLessThan(10_000);
    for (const expiresInSeconds of [0, 7201, 1.5]) {
      const request = { userId: 'ada', datasetId: id, expiresInSeconds };
      await expect(urls.generateDownloadUrl(request)).rejects.toMatchObject({ code: 'invalid_expiry' });
    }
  });
});
