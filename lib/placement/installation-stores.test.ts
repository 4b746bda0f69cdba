import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { InstallationStores } from '@/lib/placement/installation-stores.ts';
import { addressOf } from '@/lib/placement/store-registry.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import { userBucketConfig } from '@/lib/secrets/user-bucket.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { createStorageService, type DatasetStorage } from '@/lib/storage/storage-factory.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { type FilesystemTestStore, openFilesystemTestStore } from '@/tests/support/filesystem-store.ts';
import { secretsFor } from '@/tests/support/secrets.ts';

const guard = new EndpointGuard({ allowPrivateEndpoints: true });
let sandbox: S3Sandbox;
let disk: FilesystemTestStore;
let platform: DatasetStorage;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  await sandbox.createBucket('platform-bucket');
  await sandbox.createBucket('second-bucket');
  disk = await openFilesystemTestStore();
  const { url: endpoint, region, accessKeyId, secretAccessKey } = sandbox;
  const credentials = { accessKeyId, secretAccessKey };
  platform = createStorageService('s3', { bucket: 'platform-bucket', endpoint, region, credentials }, { guard });
});
afterAll(async () => {
  guard.close();
  await sandbox.close();
  await disk.close();
});

describeDatabase('the stores of an installation', (database) => {
  let secrets: Secrets;

  beforeEach(() => {
    secrets = secretsFor(database.db, guard);
  });

  function stores(withPlatform = false): InstallationStores {
    return new InstallationStores({
      base: disk.service,
      platform: withPlatform ? platform : undefined,
      secrets: secrets.manager,
      openBucket: (secret) => createStorageService('s3', userBucketConfig(secret, secrets.sessions), { guard }),
    });
  }

  function giveBucket(userId: string, bucket: string) {
    const { url: endpoint, region, accessKeyId, secretAccessKey } = sandbox;
    const aws = { secret_access_key: secretAccessKey, s3_bucket: bucket, region, endpoint };
    return secrets.manager.put(userId, 'aws', { api_key: accessKeyId, metadata: { aws } }, { actor: userId });
  }

  const namesOf = async (registry: InstallationStores, phase: 'base_only' | 'dual_write' | 's3_primary') =>
    (await registry.wanted('ann', phase)).map(({ provider, bucket }) => `${provider} ${bucket}`);

  it('keeps a user without a bucket on the base, and refuses only where S3 is all there is', async () => {
    expect(await namesOf(stores(), 'dual_write')).toEqual([`filesystem ${disk.service.bucket}`]);
    await expect(stores().wanted('ann', 's3_primary')).rejects.toMatchObject({ code: 'bucket_required' });
  });

  it('uses the platform bucket for users without one, and the own bucket before it', async () => {
    const registry = stores(true);
    expect(await namesOf(registry, 's3_primary')).toEqual(['s3 platform-bucket']);
    await giveBucket('ann', sandbox.bucket);
    expect(await namesOf(registry, 'dual_write')).toEqual([
      `filesystem ${disk.service.bucket}`,
      `s3 ${sandbox.bucket}`,
    ]);
    expect(await namesOf(registry, 'base_only')).toEqual([`filesystem ${disk.service.bucket}`]);
  });

  it('reaches an old copy by the version that its row names, after the bucket has changed', async () => {
    const registry = stores();
    await giveBucket('ann', sandbox.bucket);
    const before = (await registry.wanted('ann', 's3_primary'))[0];
    await giveBucket('ann', 'second-bucket');
    if (before === undefined) throw new Error('no bucket');
    expect((await registry.resolve({ ...before, userId: 'ann' })).bucket).toBe(sandbox.bucket);
    expect(await namesOf(registry, 's3_primary')).toEqual(['s3 second-bucket']);
  });

  it("reaches nothing by another user's secret, nor at an address that the secret does not name", async () => {
    const registry = stores();
    await giveBucket('ann', sandbox.bucket);
    const [target] = await registry.wanted('ann', 's3_primary');
    if (target === undefined) throw new Error('no bucket');
    const refused = { code: 'store_unknown' };
    await expect(registry.resolve({ ...target, userId: 'bob' })).rejects.toMatchObject(refused);
    await expect(registry.resolve({ ...target, bucket: 'second-bucket', userId: 'ann' })).rejects.toMatchObject(
      refused,
    );
    const gone = { ...addressOf(platform, null), userId: 'ann' };
    await expect(registry.resolve(gone)).rejects.toMatchObject(refused);
  });
});
