/** A user's AWS secret is switched to another account while the only copies lie in the old one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { TwoStores } from '@/tests/support/two-stores.ts';

let stores: TwoStores;
let other: S3Sandbox;
let sole: DatasetJson;

beforeAll(async () => {
  stores = await TwoStores.start();
  other = await startS3Sandbox({ accessKeyId: 'AKIAANOTHERACCOUNT', bucket: 'other-account' });
  await stores.giveBucket();
  await stores.enter('dual_write');
  await stores.enter('hybrid_read');
  await stores.enter('s3_primary', { force: true, confirm: true, reason: 'a test' });
  sole = await stores.settled(await stores.upload(), ['s3']);
});
afterAll(async () => {
  await stores.close();
  await other.close();
});

describe('an AWS secret switched to another account', () => {
  test('a secret that sole copies depend on is not deleted, and the copies are named', async () => {
    const answer = await stores.server.fetch('/api/secrets/aws', { method: 'DELETE' });
    expect(answer.status).toBe(409);
    const problem = await answer.json();
    expect(problem.code).toBe('secret_in_use');
    expect(JSON.stringify(problem)).toContain(sole.id);
  });

  test('what lies in the old account is still served by the old credentials', async () => {
    await stores.giveBucketOf(other);
    expect(await stores.download(sole)).toMatchObject({ provider: 's3' });
    const fresh = await stores.upload();
    expect(stores.copyIn(fresh, 's3').bucket).toBe('other-account');
    await stores.download(fresh);
  });

  test('the old account can go once everything has a copy in the new one', async () => {
    await stores.server.fetch(`/api/training/dataset/${sole.id}/repair`, { method: 'POST' });
    await stores.settled(sole, ['s3', 's3']);
    await stores.s3.stop();
    await stores.downloadStubbornly(sole, 's3');
    const { replicas } = await stores.dataset(sole);
    expect(replicas.map(({ bucket, state }) => `${bucket} ${state}`).sort()).toEqual([
      'other-account completed',
      'sandbox-bucket completed',
    ]);
    await stores.s3.start();
  }, 120_000);
});
