import { createHash, randomBytes } from 'node:crypto';
import * as s3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor, sha256 } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

const PART = 1024;
let sandbox: S3Sandbox;
let client: s3.S3Client;
let Bucket: string;

beforeAll(async () => {
  sandbox = await startS3Sandbox({ limits: { minPartBytes: PART } });
  Bucket = sandbox.bucket;
  client = s3ClientFor(sandbox, { requestChecksumCalculation: 'WHEN_REQUIRED' });
});

afterAll(async () => {
  client.destroy();
  await sandbox.close();
});

async function begin(Key: string, more: Partial<s3.CreateMultipartUploadCommandInput> = {}): Promise<string> {
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return UploadId ?? '';
}

async function part(
  Key: string,
  UploadId: string,
  PartNumber: number,
  Body: Buffer,
  more = {},
): Promise<s3.CompletedPart> {
  const sent = await client.send(new s3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }));
  return { PartNumber, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 };
}

function complete(Key: string, UploadId: string, Parts: s3.CompletedPart[], more = {}) {
  const input = { Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more };
  return client.send(new s3.CompleteMultipartUploadCommand(input));
}

describe('multipart uploads', () => {
  it('assemble the named parts in order; the last upload of a part counts', async () => {
    const bytes = [randomBytes(PART), randomBytes(PART), randomBytes(10)];
    const id = await begin('whole', { Metadata: { a: '1' }, ContentType: 'application/gzip' });
    await part('whole', id, 2, randomBytes(PART));
    const parts = [];
    for (const [i, body] of bytes.entries()) parts.push(await part('whole', id, i + 1, body));
    expect(sandbox.objects.keys()).not.toContain('whole');
    const { ETag } = await complete('whole', id, parts);
    expect(sha256(await sandbox.objects.read('whole'))).toBe(sha256(Buffer.concat(bytes)));
    expect(sandbox.objects.stat('whole')).toMatchObject({ metadata: { a: '1' }, contentType: 'application/gzip' });
    const md5s = bytes.map((body) => createHash('md5').update(body).digest());
    expect(ETag).toBe(`"${createHash('md5').update(Buffer.concat(md5s)).digest('hex')}-3"`);
    expect((await refusalOf(complete('whole', id, parts))).name).toBe('NoSuchUpload');
  });

  it('check SHA-256 of each part and answer the composite', async () => {
    const bytes = [randomBytes(PART), randomBytes(10)];
    const sums = bytes.map((body) => createHash('sha256').update(body).digest());
    const id = await begin('summed', { ChecksumAlgorithm: 'SHA256' });
    const bare = client.send(
      new s3.UploadPartCommand({ Bucket, Key: 'summed', UploadId: id, PartNumber: 1, Body: 'x' }),
    );
    expect((await refusalOf(bare)).message).toContain('Checksum Type mismatch');
    const parts = [];
    for (const [i, body] of bytes.entries()) {
      parts.push(await part('summed', id, i + 1, body, { ChecksumSHA256: sums[i]?.toString('base64') }));
    }
    const forged = parts.map((each) => ({ ...each, ChecksumSHA256: createHash('sha256').update('').digest('base64') }));
    expect((await refusalOf(complete('summed', id, forged))).name).toBe('InvalidPart');
    const done = await complete('summed', id, parts);
    const composite = createHash('sha256').update(Buffer.concat(sums)).digest('base64');
    expect(done).toMatchObject({ ChecksumSHA256: `${composite}-2`, ChecksumType: 'COMPOSITE' });
  });

  it('refuse small, unknown, disordered and wrongly tagged parts', async () => {
    const id = await begin('refused');
    const small = await part('refused', id, 1, randomBytes(10));
    const second = await part('refused', id, 2, randomBytes(PART));
    const code = async (parts: s3.CompletedPart[]) => (await refusalOf(complete('refused', id, parts))).name;
    expect(await code([small, second])).toBe('EntityTooSmall');
    expect(await code([second, small])).toBe('InvalidPartOrder');
    expect(await code([second, { PartNumber: 3, ETag: second.ETag }])).toBe('InvalidPart');
    expect(await code([{ PartNumber: 2, ETag: small.ETag }])).toBe('InvalidPart');
    await complete('refused', id, [second]);
    expect(sandbox.objects.stat('refused')?.sizeBytes).toBe(PART);
  });

  it('list their parts in pages, and themselves, until they are aborted', async () => {
    const [one, two] = [await begin('listed/a'), await begin('listed/b')];
    for (const number of [1, 2, 3]) await part('listed/a', one, number, randomBytes(number));
    const parts = [];
    const pages = s3.paginateListParts({ client, pageSize: 2 }, { Bucket, Key: 'listed/a', UploadId: one });
    for await (const page of pages) parts.push(...(page.Parts ?? []).map((p) => [p.PartNumber, p.Size]));
    expect(parts).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    const list = async () => {
      const answer = await client.send(new s3.ListMultipartUploadsCommand({ Bucket, Prefix: 'listed/' }));
      return answer.Uploads?.map((upload) => upload.UploadId);
    };
    expect(await list()).toEqual([one, two]);
    for (const [Key, UploadId] of [['listed/a', one] as const, ['listed/b', two] as const]) {
      await client.send(new s3.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    }
    expect(await list()).toBeUndefined();
    const late = client.send(
      new s3.UploadPartCommand({ Bucket, Key: 'listed/a', UploadId: one, PartNumber: 4, Body: 'x' }),
    );
    expect((await refusalOf(late)).name).toBe('NoSuchUpload');
  });

  it('copy parts out of other objects', async () => {
    const source = randomBytes(3 * PART);
    await client.send(new s3.PutObjectCommand({ Bucket, Key: 'origin', Body: source }));
    const id = await begin('pieced');
    const copy = (PartNumber: number, CopySourceRange: string) =>
      client.send(
        new s3.UploadPartCopyCommand({
          Bucket,
          Key: 'pieced',
          UploadId: id,
          PartNumber,
          CopySource: `${Bucket}/origin`,
          CopySourceRange,
        }),
      );
    const ranges = [`bytes=0-${2 * PART - 1}`, `bytes=${2 * PART}-${3 * PART - 1}`];
    const copies = await Promise.all(ranges.map((range, i) => copy(i + 1, range)));
    await complete(
      'pieced',
      id,
      copies.map((c, i) => ({ PartNumber: i + 1, ETag: c.CopyPartResult?.ETag })),
    );
    expect(sha256(await sandbox.objects.read('pieced'))).toBe(sha256(source));
  });

  it('give way to who was first, when they may not replace', async () => {
    const id = await begin('contended');
    const only = await part('contended', id, 1, randomBytes(10));
    await client.send(new s3.PutObjectCommand({ Bucket, Key: 'contended', Body: 'first' }));
    const refused = await refusalOf(complete('contended', id, [only], { IfNoneMatch: '*' }));
    expect(refused.name).toBe('PreconditionFailed');
    expect((await sandbox.objects.read('contended')).toString()).toBe('first');
  });
});
