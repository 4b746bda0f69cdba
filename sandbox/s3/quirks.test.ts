import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import * as s3 from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import type { StoreLike } from './quirks.ts';
import { type S3Sandbox, type S3SandboxOptions, startS3Sandbox } from './start-s3-sandbox.ts';

let sandbox: S3Sandbox;

afterEach(async () => await sandbox.close());

async function storeLike(like: StoreLike, options: S3SandboxOptions = {}, region = 'auto') {
  sandbox = await startS3Sandbox({ like, ...options });
  const server = { ...sandbox, region };
  const careful = { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' } as const;
  return { Bucket: sandbox.bucket, defaults: s3ClientFor(server), careful: s3ClientFor(server, careful) };
}

const stream = () => ({ Body: Readable.from([Buffer.alloc(20_000, 'x')]), ContentLength: 20_000 });

describe('stores that are not AWS', () => {
  it.each([
    ['swift', 501],
    ['ceph', 411],
  ] as const)('%s refuses aws-chunked streams with %i, and takes sized bodies', async (like, status) => {
    const { Bucket, defaults, careful } = await storeLike(like);
    const chunked = defaults.send(new s3.PutObjectCommand({ Bucket, Key: 'k', ...stream() }));
    expect((await refusalOf(chunked)).$metadata.httpStatusCode).toBe(status);
    await careful.send(new s3.PutObjectCommand({ Bucket, Key: 'k', Body: 'whole' }));
    expect((await sandbox.objects.read('k')).toString()).toBe('whole');
  });

  it('s3rver stores what it does not understand', async () => {
    const { Bucket, defaults } = await storeLike('s3rver');
    await defaults.send(new s3.PutObjectCommand({ Bucket, Key: 'k', ...stream() }));
    expect((await sandbox.objects.read('k')).toString()).toMatch(/^4e20\r\nxxx/);
  });

  it('swift ignores conditions, and wants Content-MD5 for DeleteObjects', async () => {
    const { Bucket, careful } = await storeLike('swift');
    const put = (Body: string) => careful.send(new s3.PutObjectCommand({ Bucket, Key: 'k', Body, IfNoneMatch: '*' }));
    await put('first');
    await put('second');
    expect((await sandbox.objects.read('k')).toString()).toBe('second');
    const Delete = { Objects: [{ Key: 'k' }] };
    const plain = careful.send(new s3.DeleteObjectsCommand({ Bucket, Delete }));
    expect((await refusalOf(plain)).name).toBe('InvalidRequest');
    await careful.send(new s3.DeleteObjectsCommand({ Bucket, Delete, ChecksumAlgorithm: 'MD5' as 'CRC32' }));
    expect(sandbox.objects.keys()).toEqual([]);
  });

  it('R2 wants parts of one size', async () => {
    const { Bucket, careful } = await storeLike('r2', { limits: { minPartBytes: 1 } });
    const { UploadId } = await careful.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
    const Parts = [];
    for (const [i, size] of [10, 20, 5].entries()) {
      const sent = new s3.UploadPartCommand({ Bucket, Key: 'k', UploadId, PartNumber: i + 1, Body: randomBytes(size) });
      Parts.push({ PartNumber: i + 1, ETag: (await careful.send(sent)).ETag });
    }
    const input = { Bucket, Key: 'k', UploadId, MultipartUpload: { Parts } };
    expect((await refusalOf(careful.send(new s3.CompleteMultipartUploadCommand(input)))).name).toBe('InvalidPart');
  });

  it("Supabase's S3 face hides the sizes of parts and unquotes ETags", async () => {
    const { Bucket, careful } = await storeLike('supabase');
    const { UploadId } = await careful.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
    const part = new s3.UploadPartCommand({ Bucket, Key: 'k', UploadId, PartNumber: 1, Body: 'x' });
    expect((await careful.send(part)).ETag).toMatch(/^[0-9a-f]{32}$/);
    const { Parts } = await careful.send(new s3.ListPartsCommand({ Bucket, Key: 'k', UploadId }));
    expect(Parts?.[0]?.Size).toBeUndefined();
    expect(Parts?.[0]?.ETag).toMatch(/^[0-9a-f]{32}$/);
  });

  it('RunPod knows no presigned URLs', async () => {
    const { Bucket, careful } = await storeLike('runpod');
    await careful.send(new s3.PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const url = await getSignedUrl(careful, new s3.GetObjectCommand({ Bucket, Key: 'k' }), { expiresIn: 60 });
    expect((await fetch(url)).status).toBe(403);
  });

  it('some lack versions, and say 501', async () => {
    const { Bucket, careful } = await storeLike('r2');
    const versions = careful.send(new s3.ListObjectVersionsCommand({ Bucket }));
    expect((await refusalOf(versions)).$metadata.httpStatusCode).toBe(501);
  });
});
