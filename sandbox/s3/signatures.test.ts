import * as s3 from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

const MINUTE = 60_000;
let sandbox: S3Sandbox;
let client: s3.S3Client;
let Bucket: string;
let clockShift = 0;

beforeAll(async () => {
  sandbox = await startS3Sandbox({ now: () => Date.now() + clockShift });
  Bucket = sandbox.bucket;
  client = s3ClientFor(sandbox, { requestChecksumCalculation: 'WHEN_REQUIRED' });
  await client.send(new s3.PutObjectCommand({ Bucket, Key: 'a b/ü.txt', Body: 'content' }));
});

afterAll(async () => {
  client.destroy();
  await sandbox.close();
});

async function atClock<T>(shiftMs: number, run: () => Promise<T>): Promise<T> {
  clockShift = shiftMs;
  try {
    return await run();
  } finally {
    clockShift = 0;
  }
}

async function signed(expiresIn: number, by: s3.S3Client = client): Promise<string> {
  return await getSignedUrl(by, new s3.GetObjectCommand({ Bucket, Key: 'a b/ü.txt' }), { expiresIn });
}

async function answer(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1], text };
}

describe('presigned URLs', () => {
  it('work without any header until they expire', async () => {
    const url = await signed(60);
    expect(await answer(url)).toMatchObject({ status: 200, text: 'content' });
    const late = await atClock(61_000, () => answer(url));
    expect(late).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(late.text).toContain('<Message>Request has expired</Message>');
    expect(late.text).toContain('<X-Amz-Expires>60</X-Amz-Expires>');
  });

  it('break when the key, the expiry or the method is changed', async () => {
    const url = await signed(60);
    const tampered = [
      answer(url.replace('content', 'other').replace('a%20b', 'a%20c')),
      answer(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600')),
      answer(url, { method: 'PUT', body: 'mine now' }),
    ];
    for (const each of await Promise.all(tampered)) {
      expect(each).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    }
  });

  it('break with a wrong secret, an unknown key id and a revoked key', async () => {
    const forged = s3ClientFor({ ...sandbox, secretAccessKey: 'wrong' });
    expect((await answer(await signed(60, forged))).code).toBe('SignatureDoesNotMatch');
    const unknown = s3ClientFor({ ...sandbox, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' });
    expect((await answer(await signed(60, unknown))).code).toBe('InvalidAccessKeyId');
    sandbox.identities.addUser({ name: 'brief', accessKeyId: 'AKIABRIEFBRIEFBRIEF0', secretAccessKey: 's' });
    const brief = s3ClientFor({ ...sandbox, accessKeyId: 'AKIABRIEFBRIEFBRIEF0', secretAccessKey: 's' });
    const url = await signed(60, brief);
    expect((await answer(url)).status).toBe(200);
    sandbox.identities.revoke('AKIABRIEFBRIEFBRIEF0');
    expect((await answer(url)).code).toBe('InvalidAccessKeyId');
  });

  it('live at most seven days', async () => {
    const url = (await signed(604_800)).replace('X-Amz-Expires=604800', 'X-Amz-Expires=604801');
    expect(await answer(url)).toMatchObject({ status: 400, code: 'AuthorizationQueryParametersError' });
  });

  it('carry uploads', async () => {
    const url = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: 'put' }), { expiresIn: 60 });
    expect((await answer(url, { method: 'PUT', body: 'by url' })).status).toBe(200);
    expect((await sandbox.objects.read('put')).toString()).toBe('by url');
  });

  it('refuse x-amz headers that were not signed', async () => {
    const url = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: 'put' }), { expiresIn: 60 });
    const headers = { 'x-amz-meta-owner': 'me' };
    expect((await answer(url, { method: 'PUT', body: 'x', headers })).code).toBe('AccessDenied');
  });
});

describe('signed headers', () => {
  const head = (by: s3.S3Client) => by.send(new s3.GetObjectCommand({ Bucket, Key: 'a b/ü.txt' }));

  it('are refused when the clocks are more than fifteen minutes apart', async () => {
    const noCorrection = s3ClientFor(sandbox);
    const refused = await atClock(16 * MINUTE, () => refusalOf(head(noCorrection)));
    expect(refused.name).toBe('RequestTimeTooSkewed');
    expect((await atClock(14 * MINUTE, () => head(s3ClientFor(sandbox)))).$metadata.httpStatusCode).toBe(200);
  });

  it('are refused without a signature', async () => {
    expect(await answer(`${sandbox.url}/${Bucket}/put`)).toMatchObject({ status: 403, code: 'AccessDenied' });
  });

  it('name the right region when signed for a wrong one', async () => {
    const elsewhere = s3ClientFor({ ...sandbox, region: 'eu-west-1' });
    const refused = await refusalOf(head(elsewhere));
    expect(refused.name).toBe('AuthorizationHeaderMalformed');
    expect(refused).toMatchObject({ Region: 'us-east-1' });
  });

  it('redirect to the region of a bucket that lives elsewhere', async () => {
    await sandbox.createBucket('frankfurt-bucket', { region: 'eu-central-1' });
    const list = (by: s3.S3Client) => by.send(new s3.ListObjectsV2Command({ Bucket: 'frankfurt-bucket' }));
    const refused = await refusalOf(list(client));
    expect(refused).toMatchObject({ name: 'PermanentRedirect', $metadata: { httpStatusCode: 301 } });
    expect(refused.$response?.headers['x-amz-bucket-region']).toBe('eu-central-1');
    const following = s3ClientFor(sandbox, { followRegionRedirects: true });
    expect((await list(following)).KeyCount).toBe(0);
    expect((await list(s3ClientFor({ ...sandbox, region: 'eu-central-1' }))).KeyCount).toBe(0);
  });

  it('hold for bodies: a payload that differs from its hash is refused', async () => {
    const tamper = s3ClientFor(sandbox, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    tamper.middlewareStack.add(
      (next) => async (args) => {
        (args.request as { body: unknown }).body = 'tampered';
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low', name: 'tamper' },
    );
    const put = tamper.send(new s3.PutObjectCommand({ Bucket, Key: 'body', Body: 'original' }));
    expect((await refusalOf(put)).name).toBe('XAmzContentSHA256Mismatch');
    expect(sandbox.objects.stat('body')).toBeUndefined();
  });
});
