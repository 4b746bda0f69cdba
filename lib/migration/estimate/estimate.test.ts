import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { composeEstimator } from '@/lib/composition/estimate.ts';
import type { Estimate, EstimateOptions } from '@/lib/migration/estimate/estimate.ts';
import { costOf, SUPABASE_TO_S3 } from '@/lib/migration/estimate/prices.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';

const MIB = 1 << 20;

describeDatabase('an estimate', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
  });
  afterEach(() => lab.dispose());

  const copy = async (id: string, userId: string, facts: { provider: string; bytes: number; verified?: boolean }) => {
    const { provider, bytes, verified = true } = facts;
    const { bucket } = provider === 's3' ? lab.bucket.service : lab.base.service;
    await database.db.execute(sql`
      insert into longshore.dataset_replicas
        (id, dataset_id, user_id, provider, bucket, object_key, state, size_bytes, verified_at)
      values (${`${id}-${provider}`}, ${id}, ${userId}, ${provider}, ${bucket}, ${`${userId}/private/${id}.jsonl.gz`},
        'completed', ${bytes}, ${verified ? sql`now()` : sql`null`})`);
  };
  const dataset = async (id: string, userId: string, bytes: number | null, sha256: string | null = 'ab') => {
    await database.db.execute(sql`
      insert into public.training_datasets (id, user_id, name, format, storage_path, file_size_bytes, object_sha256)
      values (${id}, ${userId}, ${id}, 'messages', ${`${userId}/private/${id}.jsonl.gz`}, ${bytes}, ${sha256})`);
  };
  const estimate = (options: EstimateOptions = {}, platform = false): Promise<Estimate> => {
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: undefined };
    const platformBucket = platform
      ? { bucket: 'p', region: 'us-east-1', endpoint: undefined, credentials }
      : undefined;
    const { registry } = lab;
    const config = { supabase: undefined, platformBucket };
    return composeEstimator({ config, db: database.db, registry, placed: lab.placed }).estimate(options);
  };

  test('counts what there is, what S3 has, and who has no bucket', async () => {
    await dataset('a', 'ada', 2 * MIB);
    await copy('a', 'ada', { provider: 'filesystem', bytes: 2 * MIB });
    await copy('a', 'ada', { provider: 's3', bytes: 2 * MIB });
    await dataset('b', 'ada', 999);
    await copy('b', 'ada', { provider: 'filesystem', bytes: 100 * MIB });
    await copy('b', 'ada', { provider: 's3', bytes: 100 * MIB, verified: false });
    await dataset('c', 'bob', 10, null);
    await copy('c', 'bob', { provider: 'filesystem', bytes: 10, verified: false });
    await dataset('d', 'bob', null, null);
    await database.db.execute(sql`
      insert into longshore.secrets (id, user_id, provider, version, state) values ('s', 'ada', 'aws', 1, 'active')`);
    const found = await estimate({ bytesPerSecond: MIB });
    expect(found).toMatchObject({
      all: { datasets: 4, bytes: 102 * MIB + 10 },
      in_s3: { datasets: 1, bytes: 2 * MIB },
      to_copy: { datasets: 2, bytes: 100 * MIB + 10 },
      unread: { datasets: 1, bytes: 10 },
      ...{ not_adopted: 1, unknown_size: 1, users: 2, without_bucket: { users: 1, datasets: 1, bytes: 10 } },
      largest_users: [
        { user_id: 'ada', datasets: 2, to_copy: 1, to_copy_bytes: 100 * MIB, bucket: 'own' },
        { user_id: 'bob', datasets: 2, to_copy: 1, to_copy_bytes: 10, bucket: 'none' },
      ],
      time: { seconds: 201, source: 'stated' },
    });
    const sizes = found.sizes.filter(({ datasets }) => datasets > 0);
    expect(sizes.map(({ below_bytes, datasets }) => [below_bytes, datasets])).toEqual([
      [64 * 1024, 2],
      [8 * MIB, 1],
      [256 * MIB, 1],
    ]);
    const withPlatform = await estimate({ bytesPerSecond: MIB }, true);
    expect(withPlatform.without_bucket).toEqual({ users: 0, datasets: 0, bytes: 0 });
    expect(withPlatform.largest_users.map((user) => user.bucket)).toEqual(['own', 'platform']);
  });

  test('measures by reading copies, and says when there is nothing to read', async () => {
    expect((await estimate()).time).toMatchObject({ seconds: 0, source: 'unknown', bytes_per_second: null });
    await dataset('a', 'ada', MIB);
    await copy('a', 'ada', { provider: 'filesystem', bytes: MIB });
    expect((await estimate()).time).toMatchObject({ seconds: null, source: 'unknown' });
    await lab.base.service.put('ada/private/a.jsonl.gz', bufferBody(Buffer.alloc(MIB)));
    const { time } = await estimate();
    expect(time).toMatchObject({
      source: 'measured',
      bytes_per_second: expect.any(Number),
      seconds: expect.any(Number),
    });
    expect(lab.base.bytesRead).toBe(MIB);
  });
});

test('prices: what is included is not paid, given prices replace the stated ones, and nothing is rounded down', () => {
  const { prices } = SUPABASE_TO_S3;
  const moved = { objects: 20_000, bytes: 100e9, sourceBytes: 100e9, partBytes: 8 << 20 };
  expect(costOf(moved, prices)).toEqual({
    source_egress_usd: 9,
    s3_requests_usd: 0.18,
    s3_read_back_usd: 9,
    s3_storage_usd_per_month: 2.3,
  });
  expect(costOf(moved, { ...prices, included_egress_gb: 90 }).source_egress_usd).toBe(0.9);
  expect(costOf(moved, { ...prices, included_egress_gb: 250 }).source_egress_usd).toBe(0);
  expect(costOf({ ...moved, sourceBytes: 1 }, prices).source_egress_usd).toBe(0.01);
});
