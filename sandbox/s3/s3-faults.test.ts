import * as s3 from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

let sandbox: S3Sandbox;
let client: s3.S3Client;
let Bucket: string;

beforeAll(async () => {
  sandbox = await startS3Sandbox({ limits: { minPartBytes: 1 } });
  Bucket = sandbox.bucket;
  client = s3ClientFor(sandbox, { requestChecksumCalculation: 'WHEN_REQUIRED' });
});
afterEach(() => sandbox.faults.clear());
afterAll(async () => {
  client.destroy();
  await sandbox.close();
});

const put = (Key: string) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body: 'bytes' }));

async function uploadInParts(Key: string): Promise<{ parts: s3.CompletedPart[]; complete: () => Promise<unknown> }> {
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key }));
  const parts: s3.CompletedPart[] = [];
  for (const PartNumber of [1, 2]) {
    const sent = new s3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: `part ${PartNumber}` });
    parts.push({ PartNumber, ETag: (await client.send(sent)).ETag });
  }
  const input = { Bucket, Key, UploadId, MultipartUpload: { Parts: parts } };
  return { parts, complete: () => client.send(new s3.CompleteMultipartUploadCommand(input)) };
}

describe('injected S3 errors', () => {
  it('are XML with the code and the status that were asked for', async () => {
    sandbox.faults.add({ operation: 'PutObject', action: { kind: 'status', status: 503, code: 'SlowDown' } });
    expect(await refusalOf(put('k'))).toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } });
  });

  it('can hide in the body of a 200, as when CompleteMultipartUpload fails late', async () => {
    const { complete } = await uploadInParts('late');
    const action = { kind: 'status', status: 200, code: 'InternalError' } as const;
    sandbox.faults.add({ operation: 'CompleteMultipartUpload', times: 1, action });
    expect((await refusalOf(complete())).name).toBe('InternalError');
    expect(sandbox.objects.keys()).not.toContain('late');
    await complete();
    expect((await sandbox.objects.read('late')).toString()).toBe('part 1part 2');
  });

  it('can come after the operation has happened', async () => {
    const { complete } = await uploadInParts('done');
    sandbox.faults.add({ operation: 'CompleteMultipartUpload', action: { kind: 'reset', when: 'after' } });
    await expect(complete()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(sandbox.objects.keys()).toContain('done');
  });
});

describe('false success', () => {
  it('of a put, a part, a completion and a deletion keeps or removes nothing', async () => {
    sandbox.faults.add({ operation: 'PutObject', times: 1, action: { kind: 'false_success' } });
    expect((await put('lie')).ETag).toBeDefined();
    expect(sandbox.objects.keys()).not.toContain('lie');
    sandbox.faults.add({ operation: 'UploadPart', skip: 1, times: 1, action: { kind: 'false_success' } });
    const missing = await uploadInParts('missing part');
    expect((await refusalOf(missing.complete())).name).toBe('InvalidPart');
    sandbox.faults.add({ operation: 'CompleteMultipartUpload', action: { kind: 'false_success' } });
    await (await uploadInParts('never')).complete();
    expect(sandbox.objects.keys()).not.toContain('never');
    await put('stays');
    sandbox.faults.add({ operation: 'DeleteObject', action: { kind: 'false_success' } });
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'stays' }));
    expect(sandbox.objects.keys()).toContain('stays');
  });
});

describe('damage behind the back', () => {
  it('is served as it lies, with the old ETag', async () => {
    const { ETag } = await put('damaged');
    await sandbox.objects.corrupt('damaged', 2);
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'damaged' }));
    expect([await got.Body?.transformToString(), got.ETag]).toEqual(['byues', ETag]);
    await sandbox.objects.remove('damaged');
    expect((await refusalOf(client.send(new s3.GetObjectCommand({ Bucket, Key: 'damaged' })))).name).toBe('NoSuchKey');
  });
});
