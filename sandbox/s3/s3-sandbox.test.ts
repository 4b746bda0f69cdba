import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import * as s3 from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor, sha256 } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

const MIB = 1024 * 1024;
let sandbox: S3Sandbox;
let client: s3.S3Client;
let Bucket: string;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  Bucket = sandbox.bucket;
  client = s3ClientFor(sandbox);
});

afterAll(async () => {
  client.destroy();
  await sandbox.close();
});

async function bytesOf(output: s3.GetObjectCommandOutput): Promise<Buffer> {
  return await buffer(output.Body as Readable);
}

async function put(Key: string, Body: string, more: Partial<s3.PutObjectCommandInput> = {}) {
  return await client.send(new s3.PutObjectCommand({ Bucket, Key, Body, ...more }));
}

describe('objects by the SDK with its defaults', () => {
  it('keeps a buffer with its metadata, byte for byte', async () => {
    const Body = randomBytes(100_000);
    const stored = await client.send(
      new s3.PutObjectCommand({
        Bucket,
        Key: 'a/ü +&?.bin',
        Body,
        ContentType: 'application/gzip',
        ContentEncoding: 'gzip',
        Metadata: { sha256: 'abc', 'x-y': 'z' },
      }),
    );
    expect(stored.ETag).toBe(`"${createHash('md5').update(Body).digest('hex')}"`);
    expect(stored.ChecksumCRC32).toBeDefined();
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'a/ü +&?.bin' }));
    expect(sha256(await bytesOf(got))).toBe(sha256(Body));
    expect(got).toMatchObject({
      ContentType: 'application/gzip',
      ContentEncoding: 'gzip',
      Metadata: { sha256: 'abc' },
    });
    expect(sha256(await sandbox.objects.read('a/ü +&?.bin'))).toBe(sha256(Body));
  });

  it('takes a stream as aws-chunked with a trailing checksum', async () => {
    const Body = randomBytes(3 * MIB + 17);
    const pieces = Array.from({ length: 7 }, (_, i) => Body.subarray(i * 450_000, (i + 1) * 450_000));
    await client.send(
      new s3.PutObjectCommand({ Bucket, Key: 'stream', Body: Readable.from(pieces), ContentLength: Body.length }),
    );
    expect(sha256(await sandbox.objects.read('stream'))).toBe(sha256(Body));
  });

  it('answers ranges with 206, and 416 past the end', async () => {
    await put('digits', '0123456789');
    const get = (Range: string) => client.send(new s3.GetObjectCommand({ Bucket, Key: 'digits', Range }));
    expect((await bytesOf(await get('bytes=2-4'))).toString()).toBe('234');
    expect((await bytesOf(await get('bytes=-3'))).toString()).toBe('789');
    expect((await get('bytes=7-100')).ContentRange).toBe('bytes 7-9/10');
    expect(await refusalOf(get('bytes=10-'))).toMatchObject({
      name: 'InvalidRange',
      $metadata: { httpStatusCode: 416 },
      ActualObjectSize: '10',
    });
  });

  it('is uploaded in parallel parts by lib-storage', async () => {
    const Body = randomBytes(17 * MIB);
    const upload = new Upload({ client, params: { Bucket, Key: 'parts', Body }, partSize: 5 * MIB, queueSize: 3 });
    expect((await upload.done()).ETag).toMatch(/-4"$/);
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'parts' }));
    expect(sha256(await bytesOf(got))).toBe(sha256(Body));
    expect(sandbox.objects.unfinishedUploads()).toEqual([]);
  });

  it('tells a missing key from a missing bucket', async () => {
    const get = (Bucket: string) => client.send(new s3.GetObjectCommand({ Bucket, Key: 'nothing' }));
    expect((await refusalOf(get(Bucket))).name).toBe('NoSuchKey');
    expect((await refusalOf(get('no-such-bucket'))).name).toBe('NoSuchBucket');
    const head = await refusalOf(client.send(new s3.HeadObjectCommand({ Bucket, Key: 'nothing' })));
    expect(head.$metadata.httpStatusCode).toBe(404);
  });
});

describe('conditions', () => {
  it('lets one of many If-None-Match writers win', async () => {
    const writers = Array.from({ length: 8 }, (_, i) => put('once', `writer ${i}`, { IfNoneMatch: '*' }));
    const settled = await Promise.allSettled(writers);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const lost = settled.flatMap((s) =>
      s.status === 'rejected' ? [s.reason.name, s.reason.$metadata.httpStatusCode] : [],
    );
    expect(new Set(lost)).toEqual(new Set(['PreconditionFailed', 412]));
  });

  it('compares ETags before it replaces or serves', async () => {
    const { ETag } = await put('tagged', 'one');
    expect((await refusalOf(put('tagged', 'two', { IfMatch: '"other"' }))).name).toBe('PreconditionFailed');
    const get = (more: Partial<s3.GetObjectCommandInput>) =>
      client.send(new s3.GetObjectCommand({ Bucket, Key: 'tagged', ...more }));
    expect((await refusalOf(get({ IfNoneMatch: ETag }))).$metadata.httpStatusCode).toBe(304);
    expect((await refusalOf(get({ IfMatch: '"other"' }))).$metadata.httpStatusCode).toBe(412);
    await put('tagged', 'two', { IfMatch: ETag });
    expect((await bytesOf(await get({}))).toString()).toBe('two');
  });
});

describe('copies', () => {
  it('keep or replace metadata, and honour a version and a condition of the source', async () => {
    const { ETag } = await put('source', 'bytes', { Metadata: { a: '1' }, ContentType: 'text/csv' });
    const copy = (more: Partial<s3.CopyObjectCommandInput>) =>
      client.send(new s3.CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/source`, ...more }));
    await copy({});
    expect(sandbox.objects.stat('copy')).toMatchObject({ metadata: { a: '1' }, contentType: 'text/csv' });
    await copy({ MetadataDirective: 'REPLACE', Metadata: { b: '2' }, ContentType: 'a/b' });
    expect(sandbox.objects.stat('copy')).toMatchObject({ metadata: { b: '2' }, contentType: 'a/b' });
    expect((await refusalOf(copy({ CopySourceIfMatch: '"other"' }))).name).toBe('PreconditionFailed');
    await copy({ CopySourceIfMatch: ETag });
    expect((await refusalOf(copy({ Key: 'source' }))).name).toBe('InvalidRequest');
  });

  it('share no damage with their source', async () => {
    await put('original', 'bytes');
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: 'duplicate', CopySource: `${Bucket}/original` }));
    await sandbox.objects.corrupt('original', 0);
    expect((await sandbox.objects.read('original')).toString()).not.toBe('bytes');
    expect((await sandbox.objects.read('duplicate')).toString()).toBe('bytes');
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'original' }));
    expect((await sandbox.objects.read('duplicate')).toString()).toBe('bytes');
  });
});

describe('tags, encryption and buckets', () => {
  it('keeps tags from the header and from their own request', async () => {
    await put('tags', 'x', { Tagging: 'a=1&b=two%20words' });
    const read = async () => (await client.send(new s3.GetObjectTaggingCommand({ Bucket, Key: 'tags' }))).TagSet;
    expect(await read()).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: 'two words' },
    ]);
    const Tagging = { TagSet: [{ Key: 'c', Value: '<&>' }] };
    await client.send(new s3.PutObjectTaggingCommand({ Bucket, Key: 'tags', Tagging }));
    expect(await read()).toEqual(Tagging.TagSet);
  });

  it('echoes encryption, and makes no content hash of the ETag under KMS', async () => {
    expect((await put('sse', 'x')).ServerSideEncryption).toBe('AES256');
    const kms = await put('kms', 'x', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' });
    expect(kms).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' });
    expect(kms.ETag).not.toBe(`"${createHash('md5').update('x').digest('hex')}"`);
  });

  it('creates, shows and deletes buckets', async () => {
    await client.send(new s3.CreateBucketCommand({ Bucket: 'fresh' }));
    const again = client.send(new s3.CreateBucketCommand({ Bucket: 'fresh' }));
    expect((await refusalOf(again)).name).toBe('BucketAlreadyOwnedByYou');
    expect((await client.send(new s3.HeadBucketCommand({ Bucket: 'fresh' }))).BucketRegion).toBe('us-east-1');
    const block = await client.send(new s3.GetPublicAccessBlockCommand({ Bucket: 'fresh' }));
    expect(block.PublicAccessBlockConfiguration?.RestrictPublicBuckets).toBe(true);
    const policy = client.send(new s3.GetBucketPolicyCommand({ Bucket: 'fresh' }));
    expect((await refusalOf(policy)).name).toBe('NoSuchBucketPolicy');
    const names = (await client.send(new s3.ListBucketsCommand({}))).Buckets?.map((b) => b.Name);
    expect(names).toEqual(['fresh', Bucket]);
    await client.send(new s3.DeleteBucketCommand({ Bucket: 'fresh' }));
    await put('something', 'x');
    expect((await refusalOf(client.send(new s3.DeleteBucketCommand({ Bucket })))).name).toBe('BucketNotEmpty');
  });
});

describe('state', () => {
  it('is found again in its directory, unfinished uploads included', async () => {
    const dir = await mkdtemp(join(tmpdir(), 's3-sandbox-test-'));
    const first = await startS3Sandbox({ dir });
    const one = s3ClientFor(first);
    await one.send(new s3.PutObjectCommand({ Bucket, Key: 'kept', Body: 'old', Metadata: { a: '1' } }));
    await one.send(new s3.PutObjectCommand({ Bucket, Key: 'kept', Body: 'new', Metadata: { a: '2' } }));
    const { UploadId } = await one.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: 'parts' }));
    await one.send(new s3.UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: 1, Body: 'part' }));
    one.destroy();
    await first.close();
    const second = await startS3Sandbox({ dir });
    expect((await second.objects.read('kept')).toString()).toBe('new');
    expect(second.objects.stat('kept')?.metadata).toEqual({ a: '2' });
    expect(second.objects.unfinishedUploads()).toEqual([{ key: 'parts', uploadId: UploadId, parts: 1 }]);
    await second.close();
    await rm(dir, { recursive: true });
  });
});
