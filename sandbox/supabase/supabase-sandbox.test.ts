import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { StorageClient } from '@supabase/storage-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SupabaseSandbox, startSupabaseSandbox } from './start-supabase-sandbox.ts';

const MIB = 1024 * 1024;
let sandbox: SupabaseSandbox;
let bucket: ReturnType<StorageClient['from']>;

beforeAll(async () => {
  sandbox = await startSupabaseSandbox();
  bucket = clientOf(sandbox).from(sandbox.bucket);
});

afterAll(async () => await sandbox.close());

function clientOf(server: SupabaseSandbox, key: string = server.serviceRoleKey): StorageClient {
  return new StorageClient(`${server.url}/storage/v1`, { apikey: key, Authorization: `Bearer ${key}` });
}

/** Comparing large buffers element by element would exhaust the memory of the test runner. */
function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function raw(path: string, init: RequestInit = {}, key = sandbox.serviceRoleKey) {
  const headers = { authorization: `Bearer ${key}`, apikey: key, 'content-type': 'application/json', ...init.headers };
  const response = await fetch(`${sandbox.url}/storage/v1${path}`, { ...init, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('standard uploads by storage-js', () => {
  it('keeps bytes, type and metadata', async () => {
    const body = randomBytes(200_000);
    const options = { contentType: 'application/gzip', metadata: { sha256: 'abc' } };
    const { data, error } = await bucket.upload('u/private/a.jsonl.gz', body, options);
    expect(error).toBeNull();
    expect(data?.fullPath).toBe(`${sandbox.bucket}/u/private/a.jsonl.gz`);
    const info = await bucket.info('u/private/a.jsonl.gz');
    expect(info.data).toMatchObject({ size: 200_000, contentType: 'application/gzip', metadata: { sha256: 'abc' } });
    const downloaded = await bucket.download('u/private/a.jsonl.gz');
    expect(hash(Buffer.from((await downloaded.data?.arrayBuffer()) ?? new ArrayBuffer(0)))).toBe(hash(body));
  });

  it('takes streams and blobs', async () => {
    const body = randomBytes(2 * MIB);
    const streamed = await bucket.upload('stream', Readable.from([body]), { duplex: 'half', contentType: 'a/b' });
    expect(streamed.error).toBeNull();
    expect(hash(await sandbox.objects.read('stream'))).toBe(hash(body));
    const blob = new Blob([body], { type: 'text/csv' });
    expect((await bucket.upload('blob', blob, { metadata: { k: 'v' } })).error).toBeNull();
    expect(hash(await sandbox.objects.read('blob'))).toBe(hash(body));
    expect(sandbox.objects.stat('blob')).toMatchObject({ mimeType: 'text/csv', userMetadata: { k: 'v' } });
  });

  it('refuses a taken key with 400 outside and 409 inside', async () => {
    await bucket.upload('taken', 'x');
    const { error } = await bucket.upload('taken', 'y');
    expect(error).toMatchObject({ status: 400, statusCode: '409', message: 'The resource already exists' });
    expect((await bucket.upload('taken', 'z', { upsert: true })).error).toBeNull();
    expect((await sandbox.objects.read('taken')).toString()).toBe('z');
  });
});

describe('signed URLs', () => {
  it('serve the object with ranges, without any header', async () => {
    await bucket.upload('digits', '0123456789', { contentType: 'text/plain' });
    const { data } = await bucket.createSignedUrl('digits', 60, { download: 'out.txt' });
    const response = await fetch(data?.signedUrl ?? '', { headers: { range: 'bytes=2-4' } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe('bytes 2-4/10');
    expect(response.headers.get('content-disposition')).toContain('out.txt');
    expect(await response.text()).toBe('234');
  });

  it('are not made for what is missing', async () => {
    const missing = await raw(`/object/sign/${sandbox.bucket}/nothing`, { method: 'POST', body: '{"expiresIn":60}' });
    expect(missing).toEqual({
      status: 400,
      body: { statusCode: '404', error: 'not_found', message: 'Object not found', code: 'NoSuchKey' },
    });
  });
});
