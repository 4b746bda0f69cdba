import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import * as s3 from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

const MIB = 1024 * 1024;
let sandbox: S3Sandbox;
let client: s3.S3Client;
let Bucket: string;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  Bucket = sandbox.bucket;
  client = clientOf(sandbox);
});

afterAll(async () => {
  client.destroy();
  await sandbox.close();
});

function clientOf(server: S3Sandbox, config: s3.S3ClientConfig = {}): s3.S3Client {
  const { url: endpoint, region, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  return new s3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1, ...config });
}

async function bytesOf(output: s3.GetObjectCommandOutput): Promise<Buffer> {
  return Buffer.from((await output.Body?.transformToByteArray()) ?? []);
}

/** Comparing large buffers element by element would exhaust the memory of the test runner. */
function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function failure(promise: Promise<unknown>): Promise<s3.S3ServiceException> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof s3.S3ServiceException) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
}

describe('objects by the SDK with its defaults', () => {
  it('keeps a buffer with its metadata, byte for byte', async () => {
    const Body = randomBytes(100_000);
    const put = await client.send(
      new s3.PutObjectCommand({
        Bucket,
        Key: 'a/ü +&?.bin',
        Body,
        ContentType: 'application/gzip',
        ContentEncoding: 'gzip',
        Metadata: { sha256: 'abc', 'x-y': 'z' },
      }),
    );
    expect(put.ETag).toBe(`"${createHash('md5').update(Body).digest('hex')}"`);
    expect(put.ChecksumCRC32).toBeDefined();
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'a/ü +&?.bin' }));
    expect(hash(await bytesOf(got))).toBe(hash(Body));
    expect(got).toMatchObject({
      ContentType: 'application/gzip',
      ContentEncoding: 'gzip',
      Metadata: { sha256: 'abc' },
    });
    expect(hash(await sandbox.objects.read('a/ü +&?.bin'))).toBe(hash(Body));
  });

  it('takes a stream as aws-chunked with a trailing checksum', async () => {
    const Body = randomBytes(3 * MIB + 17);
    const chunks = Array.from({ length: 100 }, (_, i) =>
      Body.subarray(i * 32_000, i === 99 ? undefined : (i + 1) * 32_000),
    );
    await client.send(
      new s3.PutObjectCommand({ Bucket, Key: 'stream', Body: Readable.from(chunks), ContentLength: Body.length }),
    );
    expect(hash(await sandbox.objects.read('stream'))).toBe(hash(Body));
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)('agrees on %s', async (ChecksumAlgorithm) => {
    const Body = Buffer.from('123456789');
    await client.send(new s3.PutObjectCommand({ Bucket, Key: 'sum', Body, ChecksumAlgorithm }));
    const head = await client.send(new s3.HeadObjectCommand({ Bucket, Key: 'sum', ChecksumMode: 'ENABLED' }));
    expect(head[`Checksum${ChecksumAlgorithm}`]).toBeDefined();
  });

  it('answers ranges with 206, and 416 past the end', async () => {
    await client.send(new s3.PutObjectCommand({ Bucket, Key: 'digits', Body: '0123456789' }));
    const get = (Range: string) => client.send(new s3.GetObjectCommand({ Bucket, Key: 'digits', Range }));
    expect((await bytesOf(await get('bytes=2-4'))).toString()).toBe('234');
    expect((await bytesOf(await get('bytes=-3'))).toString()).toBe('789');
    const tail = await get('bytes=7-100');
    expect(tail.ContentRange).toBe('bytes 7-9/10');
    const refused = await failure(get('bytes=10-'));
    expect(refused.name).toBe('InvalidRange');
    expect(refused.$metadata.httpStatusCode).toBe(416);
  });

  it('is uploaded in parallel parts by lib-storage', async () => {
    const Body = randomBytes(17 * MIB);
    const upload = new Upload({ client, params: { Bucket, Key: 'parts', Body }, partSize: 5 * MIB, queueSize: 3 });
    const done = await upload.done();
    expect(done.ETag).toMatch(/-4"$/);
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'parts' }));
    expect(hash(await buffer(got.Body as Readable))).toBe(hash(Body));
    expect(sandbox.objects.unfinishedUploads()).toEqual([]);
  });
});
