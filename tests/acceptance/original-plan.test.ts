/**
 * The Testing Plan of the document that Longshore grew from, by its own names, at a real server between a Supabase and an
 * S3 that are really broken. The tests of a phase go on from each other, as a person would go through the list.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { type Person, TwoStores } from '@/tests/support/two-stores.ts';

const BOTH = ['s3', 'supabase'];
let stores: TwoStores;
let old: DatasetJson;
let fresh: DatasetJson;
let bucketless: Person;

beforeAll(async () => {
  stores = await TwoStores.start();
  bucketless = await stores.addPerson('no bucket');
  old = await stores.upload();
  await stores.settled(old, ['supabase']);
});
afterAll(() => stores.close());

async function everyDatasetDownloads(): Promise<void> {
  for (const dataset of [old, fresh]) await stores.download(dataset);
}

describe('Phase 1 Testing', () => {
  beforeAll(async () => {
    await stores.giveBucket();
    await stores.enter('dual_write');
  });

  test('1. Upload new dataset', async () => {
    fresh = await stores.upload();
    expect(fresh.replicas.map(({ provider, state }) => `${provider} ${state}`).sort()).toEqual([
      's3 completed',
      'supabase completed',
    ]);
  });

  test('2. Verify Supabase copy exists', () => {
    expect(stores.supabase.objects.keys()).toContain(`${stores.copyIn(fresh, 'supabase').key}`);
  });

  test('3. Verify S3 copy exists', () => {
    expect(stores.s3.objects.keys()).toContain(stores.copyIn(fresh, 's3').key);
  });

  test('4. Check metadata has both paths', async () => {
    const { storage_path, metadata } = await stores.settled(fresh, BOTH);
    expect(storage_path).toMatch(/^[^/]+\/private\/.*\.jsonl\.gz$/);
    expect(metadata).toMatchObject({
      storage_provider: 'dual',
      s3_storage_path: expect.stringMatching(/^[^/]+\/datasets\/.*\.jsonl\.gz$/),
      original_format: 'messages',
    });
  });

  test('5. Start training job - should use Supabase URL', async () => {
    expect(await stores.train(fresh)).toMatchObject({ provider: 'supabase', token: 'supabase-signed' });
  });

  test('6. Break Supabase - verify upload still works (S3 succeeds)', async () => {
    await stores.supabase.stop();
    const dataset = await stores.upload();
    expect(stores.copyIn(dataset, 's3').state).toBe('completed');
    expect(stores.copyIn(dataset, 'supabase').state).not.toBe('completed');
    expect(await stores.download(dataset)).toMatchObject({ provider: 's3' });
    expect(await stores.download(fresh)).toMatchObject({ provider: 's3' });
    await stores.supabase.start();
    await stores.settled(dataset, BOTH);
  }, 120_000);

  test('S3 upload failure does not fail the request', async () => {
    stores.s3.faults.add({ method: 'PUT', action: { kind: 'status', status: 403, code: 'AccessDenied' } });
    const dataset = await stores.upload();
    expect(stores.copyIn(dataset, 'supabase').state).toBe('completed');
    expect(stores.copyIn(dataset, 's3')).toMatchObject({ state: 'failed', error: { code: 'forbidden' } });
    stores.s3.faults.clear();
    await stores.settled(dataset, BOTH);
  });

  test('a user without a bucket has the base copy only, and no error', async () => {
    const dataset = await stores.upload(bucketless);
    await stores.settled(dataset, ['supabase'], { person: bucketless });
    expect(dataset.metadata).toMatchObject({ storage_provider: 'supabase', s3_storage_path: null });
    await stores.download(dataset, bucketless);
  });

  test('Old datasets still work', everyDatasetDownloads);

  test('Rollback: the system reverts to Supabase only, without data loss', async () => {
    await stores.enter('base_only');
    const dataset = await stores.upload();
    await stores.settled(dataset, ['supabase']);
    await everyDatasetDownloads();
    expect(stores.s3.objects.keys()).toContain(stores.copyIn(fresh, 's3').key);
    await stores.settled(fresh, BOTH);
  });
});

describe('Phase 2 Testing', () => {
  beforeAll(async () => {
    await stores.enter('dual_write');
    await stores.enter('hybrid_read');
  });

  test('1. New dataset uses S3 URL', async () => {
    fresh = await stores.upload();
    await stores.settled(fresh, BOTH);
    expect(await stores.download(fresh)).toMatchObject({ provider: 's3', token: 's3-presigned' });
  });

  test('2. Old dataset uses Supabase URL', async () => {
    expect((await stores.dataset(old)).replicas).toHaveLength(1);
    expect(await stores.download(old)).toMatchObject({ provider: 'supabase', token: 'supabase-signed' });
  });

  test('3. Training job downloads from S3', async () => {
    expect(await stores.train(fresh)).toMatchObject({ provider: 's3' });
  });

  test('4. Training job downloads from Supabase (old dataset)', async () => {
    expect(await stores.train(old)).toMatchObject({ provider: 'supabase' });
  });

  test('5. Delete S3 copy - verify fallback to Supabase', async () => {
    const dataset = await stores.settled(await stores.upload(), BOTH);
    const lost = stores.copyIn(dataset, 's3').key;
    await stores.s3.objects.remove(lost);
    expect(await stores.download(dataset)).toMatchObject({ provider: 'supabase', fallback_reason: 's3_missing' });
    const mended = await stores.settled(dataset, BOTH, { without: lost });
    expect(stores.s3.objects.keys()).toContain(stores.copyIn(mended, 's3').key);
    expect(await stores.download(dataset)).toMatchObject({ provider: 's3' });
  });

  test('No 404 errors on dataset downloads', async () => {
    await everyDatasetDownloads();
    await stores.s3.stop();
    for (const dataset of [old, fresh]) await stores.downloadStubbornly(dataset, 'supabase');
    await stores.s3.start();
    await stores.supabase.stop();
    await stores.downloadStubbornly(fresh, 's3');
    await stores.supabase.start();
  }, 120_000);

  test('Rollback: always Supabase again; new datasets still have their S3 copy', async () => {
    await stores.enter('dual_write');
    expect(await stores.download(fresh)).toMatchObject({ provider: 'supabase' });
    await stores.settled(fresh, BOTH);
    await stores.settled(await stores.upload(), BOTH);
  });
});

describe('Phase 4: S3 as Primary', () => {
  const FORCED = { force: true, confirm: true, reason: 'a test' };

  test('its gates stand: not all migrated, not all users have AWS, not stable for two weeks, not asked for', async () => {
    await stores.enter('hybrid_read');
    const refused = await stores.server.fetch('/api/storage/phase', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ phase: 's3_primary' }),
    });
    expect(refused.status).toBe(409);
    const { code, gates } = await refused.json();
    expect(code).toBe('phase_blocked');
    expect(gates.map((gate: { code: string; ok: boolean }) => [gate.code, gate.ok])).toEqual([
      ['all_copies_verified', false],
      ['users_have_buckets', false],
      ['phase_held', false],
      ['confirmed', false],
    ]);
  });

  test('new datasets go to S3 alone; those that only Supabase has still download', async () => {
    await stores.enter('s3_primary', FORCED);
    const dataset = await stores.upload();
    await stores.settled(dataset, ['s3']);
    expect(await stores.download(dataset)).toMatchObject({ provider: 's3' });
    expect(await stores.download(old)).toMatchObject({ provider: 'supabase' });
    const answer = await stores.server.fetch('/api/training/dataset?name=x', {
      method: 'POST',
      headers: { authorization: `Bearer ${bucketless.key}` },
      body: '{"messages":[]}\n',
    });
    expect(answer.status).toBe(409);
    expect((await answer.json()).code).toBe('bucket_required');
  });

  test('Rollback: reads stay right at once, and what only S3 has comes to Supabase', async () => {
    const dataset = await stores.upload();
    await stores.enter('hybrid_read');
    expect(await stores.download(dataset)).toMatchObject({ provider: 's3' });
    await stores.settled(dataset, BOTH);
    await stores.upload(bucketless);
    await everyDatasetDownloads();
  });
});
