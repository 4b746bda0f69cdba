import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import { AwsSessions } from '@/lib/secrets/aws/aws-sessions.ts';
import { StsClient } from '@/lib/secrets/aws/sts.ts';
import { leastPrivilegePolicy } from '@/lib/secrets/policies.ts';
import type { AWSMetadata, Secret } from '@/lib/secrets/secrets.types.ts';
import { userBucketConfig } from '@/lib/secrets/user-bucket.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import { createStorageService, type DatasetStorage } from '@/lib/storage/storage-factory.ts';
import type { ReplayableBody } from '@/lib/storage/storage-service.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';

const USER = 'ann';
const guard = new EndpointGuard({ allowPrivateEndpoints: true });
const KEY = datasetObjectKey('s3', USER, 'd1');
let sandbox: S3Sandbox;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  await sandbox.createBucket('versioned', { versioning: true });
});
afterAll(async () => {
  guard.close();
  await sandbox.close();
});

function sessions(): AwsSessions {
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  const now = () => new Date();
  const sts = new StsClient(new AwsRequester({ send: (call) => client.send(call), now }));
  const { accessKeyId, secretAccessKey, url: endpoint } = sandbox;
  const platform = {
    credentials: async () => ({ accessKeyId, secretAccessKey }),
    sts: { region: 'us-east-1', endpoint },
  };
  return new AwsSessions({ sts, now, platform });
}

function storeOf(changes: Partial<AWSMetadata>, apiKey?: string): DatasetStorage {
  const aws = { s3_bucket: sandbox.bucket, endpoint: sandbox.url, external_id: 'ext', ...changes };
  const row = {
    id: randomBytes(4).toString('hex'),
    user_id: USER,
    provider: 'aws',
    version: 1,
    state: 'active',
  } as const;
  const secret: Secret<'aws'> = { ...row, api_key: apiKey, metadata: { aws } };
  return createStorageService('s3', userBucketConfig(secret, sessions()), { guard });
}

function body(content: Buffer): ReplayableBody {
  const open = (range = { start: 0, end: content.length }) => Readable.from([content.subarray(range.start, range.end)]);
  return { sizeBytes: content.length, open };
}

/** Keys with exactly the rights that the policy for this bucket gives. */
function leastPrivileged(bucket: string): DatasetStorage {
  const secretAccessKey = randomBytes(30).toString('base64');
  const accessKeyId = `AKIALEAST${bucket.toUpperCase()}`;
  sandbox.identities.addUser({ name: accessKeyId, accessKeyId, secretAccessKey });
  const identity = sandbox.identities.find(accessKeyId);
  if (identity === undefined) throw new Error('no such user');
  identity.policies = [JSON.parse(JSON.stringify(leastPrivilegePolicy(bucket, USER)))];
  return storeOf({ s3_bucket: bucket, secret_access_key: secretAccessKey }, accessKeyId);
}

describe('the bucket of an AWS secret', () => {
  it.each(['sandbox-bucket', 'versioned'])(
    'does all that a store does, with the policy that is printed (%s)',
    async (bucket) => {
      const store = leastPrivileged(bucket);
      await store.probe();
      for (const size of [10, 20 * 2 ** 20]) {
        const content = randomBytes(size);
        await store.put(KEY, body(content));
        expect((await store.stat(KEY)).sizeBytes).toBe(size);
        const { body: part } = await store.get(KEY, { range: { start: 2, end: 9 } });
        expect((await buffer(part)).equals(content.subarray(2, 9))).toBe(true);
        const signed = await fetch((await store.presignGet(KEY, { expiresInSeconds: 60 })).url);
        expect(signed.status).toBe(200);
        await signed.body?.cancel();
      }
      expect((await store.list(`${USER}/`)).objects.map(({ key }) => key)).toEqual([KEY]);
      await store.delete(KEY, { allVersions: true });
      expect(sandbox.objects.versions(KEY, bucket)).toEqual([]);
      // Without the right to list, S3 would say "forbidden" for what is only missing.
      await expect(store.stat(KEY)).rejects.toMatchObject({ code: 'not_found' });
    },
  );

  it('is out of reach beyond the own folder', async () => {
    const store = leastPrivileged('sandbox-bucket');
    const foreign = datasetObjectKey('s3', 'bob', 'd1');
    await expect(store.put(foreign, body(Buffer.from('x')))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(store.get(foreign)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(store.delete(foreign)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it.each([
    [3600, 3600],
    [43_200, 7200],
  ])('is reached by a role, and URLs end with its session (%i s)', async (maxSessionSeconds, lifeSeconds) => {
    const role_arn = sandbox.identities.addRole({
      name: `r${maxSessionSeconds}`,
      accountId: '444455556666',
      externalId: 'ext',
      maxSessionSeconds,
    });
    const bucket = `of-the-role-${maxSessionSeconds}`;
    await sandbox.createBucket(bucket, { accountId: '444455556666' });
    const store = storeOf({ role_arn, s3_bucket: bucket });
    const before = Date.now();
    await store.put(KEY, body(Buffer.from('role')));
    const { url, expiresAt } = await store.presignGet(KEY, { expiresInSeconds: 7200 });
    expect(await (await fetch(url)).text()).toBe('role');
    const life = (expiresAt.getTime() - before) / 1000;
    expect(life).toBeGreaterThan(lifeSeconds - 5);
    expect(life).toBeLessThan(lifeSeconds + 60);
  });
});
