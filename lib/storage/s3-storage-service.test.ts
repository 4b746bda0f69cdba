import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode, readText } from '@/tests/conformance/storage-service.ts';
import { type S3TestStore, startS3TestStore } from '@/tests/support/s3-store.ts';
import { awsEndpoint } from './s3-config.ts';
import { connectS3 } from './s3-connect.ts';
import { profileOfEndpoint, profileOfServer, s3Profile } from './s3-profile.ts';
import { choosePartSize } from './s3-upload-state.ts';

const MIB = 1024 * 1024;

describe('S3StorageService', () => {
  let store: S3TestStore;

  beforeAll(async () => {
    store = await startS3TestStore();
  });
  afterAll(() => store.close());

  const unmodified = (s3: S3TestStore) =>
    new S3Client({
      endpoint: s3.sandbox.url,
      region: s3.sandbox.region,
      forcePathStyle: true,
      credentials: { accessKeyId: s3.sandbox.accessKeyId, secretAccessKey: s3.sandbox.secretAccessKey },
    });

  it.each([70_000, 11 * MIB])('writes %i bytes that an AWS client with its defaults reads', async (size) => {
    const bytes = randomBytes(size);
    const metadata = { sha256: 'ab'.repeat(32), 'dataset-id': 'd1' };
    await store.service.put('u/interop.gz', bufferBody(bytes), { contentType: 'application/gzip', metadata });
    const client = unmodified(store);
    const found = await client.send(new GetObjectCommand({ Bucket: store.config.bucket, Key: 'u/interop.gz' }));
    expect(found).toMatchObject({ ContentType: 'application/gzip', Metadata: metadata, ContentLength: size });
    expect(Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
    client.destroy();
  });

  it('asks for the encryption that it was told to', async () => {
    const encrypted = store.variant({ encryption: { type: 'sse-s3' } });
    await encrypted.put('u/encrypted', bufferBody('x'));
    await encrypted.put('u/encrypted-parts', bufferBody(randomBytes(6 * MIB)));
    const client = unmodified(store);
    for (const Key of ['u/encrypted', 'u/encrypted-parts']) {
      const found = await client.send(new HeadObjectCommand({ Bucket: store.config.bucket, Key }));
      expect(found.ServerSideEncryption).toBe('AES256');
    }
    client.destroy();
  });

  it('leaves objects alone whose keys are longer when it deletes all versions', async () => {
    await store.service.put('u/d', bufferBody('x'));
    await store.service.put('u/d.g1', bufferBody('y'));
    await store.service.delete('u/d', { allVersions: true });
    expect(store.sandbox.objects.keys()).toContain('u/d.g1');
    expect(store.sandbox.objects.keys()).not.toContain('u/d');
  });

  it('does not call an object deleted whose versions it may not remove', async () => {
    const bucket = 'versions-denied';
    await store.sandbox.createBucket(bucket, { versioning: true });
    store.sandbox.identities.addUser({
      name: 'l',
      accessKeyId: 'AKIALIMITED',
      secretAccessKey: 's',
      deny: ['s3:ListBucketVersions'],
    });
    const limited = store.variant({ bucket, credentials: { accessKeyId: 'AKIALIMITED', secretAccessKey: 's' } });
    await limited.put('u/d', bufferBody('x'));
    await expectCode(limited.delete('u/d', { allVersions: true }), 'forbidden');
    const plain = store.variant({ credentials: { accessKeyId: 'AKIALIMITED', secretAccessKey: 's' } });
    await plain.put('u/plain', bufferBody('x'));
    await plain.delete('u/plain', { allVersions: true });
    expect(store.sandbox.objects.keys()).not.toContain('u/plain');
  });

  it('follows no redirect', async () => {
    let reached = 0;
    const trap = http.createServer((_request, response) => {
      reached += 1;
      response.end();
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/`;
    const door = http.createServer((_request, response) => response.writeHead(307, { location }).end());
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const redirected = store.variant({ endpoint: `http://127.0.0.1:${(door.address() as AddressInfo).port}` });
    await expectCode(redirected.get('u/d'), 'endpoint_refused');
    await expectCode(redirected.put('u/d', bufferBody('x')), 'endpoint_refused');
    expect(reached).toBe(0);
    await Promise.all([trap, door].map((server) => new Promise((resolve) => server.close(resolve))));
  });

  describe('signed URLs', () => {
    it('end with the session that signed them, and say so', async () => {
      const { accessKeyId, secretAccessKey } = store.sandbox;
      const expiresAt = new Date(Date.now() + 90_000);
      const session = store.variant({ credentials: async () => ({ accessKeyId, secretAccessKey, expiresAt }) });
      const signed = await session.presignGet('u/d', { expiresInSeconds: 7200 });
      expect(signed.expiresAt.getTime()).toBeLessThanOrEqual(expiresAt.getTime());
      expect(signed.expiresAt.getTime()).toBeGreaterThan(expiresAt.getTime() - 2000);
      const ended = store.variant({
        credentials: { accessKeyId, secretAccessKey, expiresAt: new Date(Date.now() - 1) },
      });
      await expectCode(ended.presignGet('u/d', { expiresInSeconds: 7200 }), 'unauthorized');
    });

    it('stop working when they said they would', async () => {
      let now = Date.now();
      const timed = await startS3TestStore({}, { now: () => now });
      await timed.service.put('u/d', bufferBody('x'));
      const { url, expiresAt } = await timed.service.presignGet('u/d', { expiresInSeconds: 100 });
      now = expiresAt.getTime() - 1000;
      expect((await fetch(url)).status).toBe(200);
      now = expiresAt.getTime() + 1000;
      expect((await fetch(url)).status).toBe(403);
      await timed.close();
    });

    it('are addressed as each store wants it', async () => {
      const { accessKeyId, secretAccessKey } = store.sandbox;
      const config = { bucket: 'my-bucket', region: 'eu-west-1', credentials: { accessKeyId, secretAccessKey } };
      const urlOf = async (changes: object) => {
        const service = store.variant({ endpoint: undefined, profile: undefined, ...config, ...changes });
        return new URL((await service.presignGet('a/b c', { expiresInSeconds: 60 })).url);
      };
      expect((await urlOf({})).href).toMatch(/^https:\/\/my-bucket\.s3\.eu-west-1\.amazonaws\.com\/a\/b%20c\?/);
      expect((await urlOf({ bucket: 'my.bucket' })).href).toMatch(
        /^https:\/\/s3\.eu-west-1\.amazonaws\.com\/my\.bucket\/a\//,
      );
      const behindPath = await urlOf({ endpoint: 'https://x.example.org:8443/s3/', profile: 'ceph' });
      expect(behindPath.href).toMatch(/^https:\/\/x\.example\.org:8443\/s3\/my-bucket\/a\/b%20c\?/);
      expect((await urlOf({})).searchParams.get('X-Amz-Expires')).toBe('60');
    });

    it('are not made for stores that refuse them', async () => {
      await expectCode(
        store.variant({ profile: 'runpod' }).presignGet('u/d', { expiresInSeconds: 60 }),
        'invalid_request',
      );
    });
  });

  describe('profiles', () => {
    it('are known by the name of the endpoint', () => {
      expect(profileOfEndpoint(undefined).name).toBe('aws');
      expect(profileOfEndpoint(awsEndpoint('cn-north-1')).name).toBe('aws');
      expect(profileOfEndpoint('https://abc.r2.cloudflarestorage.com').name).toBe('r2');
      expect(profileOfEndpoint('https://s3.us-west-004.backblazeb2.com').name).toBe('b2');
      expect(profileOfEndpoint('https://evil-amazonaws.com').name).toBe('generic');
      expect(profileOfEndpoint('http://127.0.0.1:9000').name).toBe('generic');
      expect([profileOfServer('MinIO'), profileOfServer('nginx'), profileOfServer(undefined)]).toEqual([
        'minio',
        undefined,
        undefined,
      ]);
    });

    it('are found out by asking, and nothing of the question stays', async () => {
      const bucket = 'asked-bucket';
      await store.sandbox.createBucket(bucket, { versioning: true });
      const asked = await connectS3({ ...store.config, bucket, profile: undefined }, { guard: store.guard });
      expect(asked.profile).toMatchObject({ name: 'aws', pathStyle: true, conditionalPut: true, checksumSha256: true });
      expect(asked.capabilities).toMatchObject({ conditionalPut: true, versioning: true });
      expect(store.sandbox.objects.keys(bucket)).toEqual([]);
      expect(store.sandbox.log.list('PutObject').length).toBeGreaterThan(0);
      await asked.put('u/d', bufferBody('x'), { ifAbsent: true });
      await expectCode(asked.put('u/d', bufferBody('y'), { ifAbsent: true }), 'already_exists');
      expect(await readText(asked, 'u/d')).toBe('x');
    });

    it('are not asked for where the address or the config says them, but versions are', async () => {
      store.sandbox.log.clear();
      const given = await connectS3({ ...store.config, profile: 'ceph' }, { guard: store.guard });
      expect(given.profile).toEqual(s3Profile('ceph'));
      expect(given.capabilities.versioning).toBe(false);
      expect(store.sandbox.log.list().map((entry) => entry.operation)).toEqual(['GetBucketVersioning']);
    });

    it('are not guessed when the store cannot be asked', async () => {
      const unknown = { ...store.config, profile: undefined, bucket: 'no-such-bucket' };
      await expectCode(connectS3(unknown, { guard: store.guard }), 'any');
    });
  });
});

describe('choosePartSize', () => {
  it.each([1, 5 * MIB, 8 * 1024 * MIB, 100 * 1024 * MIB, 5 * 1024 ** 4])(
    'keeps %i bytes within the limits of S3',
    (size) => {
      const part = choosePartSize(size);
      expect(part).toBeGreaterThanOrEqual(5 * MIB);
      expect(part).toBeLessThanOrEqual(6 * 1024 * MIB);
      expect(part % MIB).toBe(0);
      expect(Math.ceil(size / part)).toBeLessThanOrEqual(10_000);
    },
  );
});
