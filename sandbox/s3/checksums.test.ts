import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import * as s3 from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import { startDigest } from './checksums.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

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

describe('digests', () => {
  it.each([
    ['crc32', 'cbf43926'],
    ['crc32c', 'e3069283'],
    ['crc64nvme', 'ae8b14860a799888'],
    ['sha1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
    ['md5', '25f9e794323b453885f5181f1b624d0b'],
  ] as const)('%s of 123456789, in pieces, is the published check value', (algorithm, expected) => {
    const digest = startDigest(algorithm);
    digest.update(Buffer.from('1234'));
    digest.update(Buffer.from('56789'));
    expect(digest.digest().toString('hex')).toBe(expected);
  });
});

describe('checksums on the wire', () => {
  const names = ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const;

  it.each(names)('%s by the SDK is accepted, kept and shown', async (ChecksumAlgorithm) => {
    const Body = Readable.from([Buffer.alloc(100_000, 'x')]);
    const Key = `sum-${ChecksumAlgorithm}`;
    await client.send(new s3.PutObjectCommand({ Bucket, Key, Body, ContentLength: 100_000, ChecksumAlgorithm }));
    const head = await client.send(new s3.HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    const digest = startDigest(ChecksumAlgorithm.toLowerCase() as 'crc32');
    digest.update(Buffer.alloc(100_000, 'x'));
    expect(head[`Checksum${ChecksumAlgorithm}`]).toBe(digest.digest().toString('base64'));
  });

  it('that do not fit their bytes are BadDigest, and nothing is stored', async () => {
    const ChecksumSHA256 = createHash('sha256').update('other').digest('base64');
    const wrong = client.send(new s3.PutObjectCommand({ Bucket, Key: 'wrong', Body: 'bytes', ChecksumSHA256 }));
    expect((await refusalOf(wrong)).name).toBe('BadDigest');
    const ContentMD5 = createHash('md5').update('other').digest('base64');
    const md5 = client.send(new s3.PutObjectCommand({ Bucket, Key: 'wrong', Body: 'bytes', ContentMD5 }));
    expect((await refusalOf(md5)).name).toBe('BadDigest');
    const short = client.send(new s3.PutObjectCommand({ Bucket, Key: 'wrong', Body: 'bytes', ContentMD5: 'eA==' }));
    expect((await refusalOf(short)).name).toBe('InvalidDigest');
    expect(sandbox.objects.stat('wrong')).toBeUndefined();
  });

  it('find a bit that flipped on the way, in a header checksum and in a trailer', async () => {
    const put = (Body: string | Readable) =>
      client.send(new s3.PutObjectCommand({ Bucket, Key: 'flipped', Body, ContentLength: 20_000 }));
    sandbox.faults.add({ operation: 'PutObject', action: { kind: 'bit_flip', side: 'request', atByte: 9000 } });
    const names = [
      (await refusalOf(put('x'.repeat(20_000)))).name,
      (await refusalOf(put(Readable.from([Buffer.alloc(20_000, 'x')])))).name,
    ];
    sandbox.faults.clear();
    expect(names).toEqual(['XAmzContentSHA256Mismatch', 'BadDigest']);
    expect(sandbox.objects.stat('flipped')).toBeUndefined();
  });

  it('are insisted on by DeleteObjects', async () => {
    const bare = s3ClientFor(sandbox);
    bare.middlewareStack.add(
      (next) => async (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        for (const name of Object.keys(headers)) {
          if (/^(x-amz-checksum|x-amz-sdk-checksum|content-md5)/.test(name)) delete headers[name];
        }
        return next(args);
      },
      { step: 'build', priority: 'low', name: 'dropChecksums' },
    );
    const refused = await refusalOf(
      bare.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'x' }] } })),
    );
    expect(refused.name).toBe('InvalidRequest');
    expect(refused.message).toContain('Content-MD5');
  });
});

describe('lengths', () => {
  it('shorter than declared leave nothing behind', async () => {
    sandbox.faults.add({
      operation: 'PutObject',
      times: 1,
      action: { kind: 'truncate', side: 'request', afterBytes: 5 },
    });
    const put = client.send(new s3.PutObjectCommand({ Bucket, Key: 'short', Body: 'longer than five' }));
    expect((await refusalOf(put)).name).toBe('IncompleteBody');
    expect(sandbox.objects.stat('short')).toBeUndefined();
  });

  it('are demanded before a body is taken', async () => {
    const plain = s3ClientFor(sandbox, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const url = await getSignedUrl(plain, new s3.PutObjectCommand({ Bucket, Key: 'chunked' }), { expiresIn: 60 });
    const status = await new Promise((resolve, reject) => {
      const put = request(url, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      put.on('error', reject);
      put.end('no length');
    });
    expect(status).toBe(411);
  });
});
