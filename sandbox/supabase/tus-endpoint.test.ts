import { createHash, randomBytes } from 'node:crypto';
import { Upload, type UploadOptions } from 'tus-js-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type SupabaseSandbox, startSupabaseSandbox } from './start-supabase-sandbox.ts';

const MIB = 1024 * 1024;
const CHUNK = 6 * MIB;
let sandbox: SupabaseSandbox;

beforeAll(async () => {
  sandbox = await startSupabaseSandbox({ bucketSettings: { file_size_limit: 40 * MIB } });
});
afterEach(() => sandbox.faults.clear());
afterAll(async () => await sandbox.close());

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface Outcome {
  uploadUrl: string | null;
  error: Error | undefined;
}

/** Runs one upload to its success or failure. */
function upload(body: Buffer, objectName: string, options: Partial<UploadOptions> = {}): Promise<Outcome> {
  const metadata = { bucketName: sandbox.bucket, objectName, contentType: 'application/gzip', cacheControl: '3600' };
  return new Promise((resolve) => {
    const task = new Upload(body, {
      ...(options.uploadUrl === undefined ? { endpoint: `${sandbox.url}/storage/v1/upload/resumable` } : {}),
      headers: { authorization: `Bearer ${sandbox.serviceRoleKey}` },
      metadata: { ...metadata, metadata: JSON.stringify({ sha256: 'abc' }) },
      chunkSize: CHUNK,
      retryDelays: null,
      ...options,
      onSuccess: () => resolve({ uploadUrl: task.url, error: undefined }),
      onError: (error) => resolve({ uploadUrl: task.url, error }),
    });
    task.start();
  });
}

function tusRequest(url: string, method: string, headers: Record<string, string> = {}, body?: Uint8Array<ArrayBuffer>) {
  const authorization = `Bearer ${sandbox.serviceRoleKey}`;
  return fetch(url, { method, headers: { authorization, 'tus-resumable': '1.0.0', ...headers }, body });
}

async function createUpload(
  objectName: string,
  sizeBytes: number,
  extra: Record<string, string> = {},
): Promise<Response> {
  const pair = (name: string, value: string) => `${name} ${Buffer.from(value).toString('base64')}`;
  const fields = { bucketName: sandbox.bucket, objectName, ...extra };
  const metadata = Object.entries(fields).map(([name, value]) => pair(name, value));
  return await tusRequest(`${sandbox.url}/storage/v1/upload/resumable`, 'POST', {
    'upload-length': String(sizeBytes),
    'upload-metadata': metadata.join(','),
  });
}

describe('TUS by tus-js-client', () => {
  it('stores the object with type, cache control and metadata, and only when complete', async () => {
    const body = randomBytes(15 * MIB);
    const { error } = await upload(body, 'u/whole.jsonl.gz');
    expect(error).toBeUndefined();
    expect(hash(await sandbox.objects.read('u/whole.jsonl.gz'))).toBe(hash(body));
    expect(sandbox.objects.stat('u/whole.jsonl.gz')).toMatchObject({
      mimeType: 'application/gzip',
      cacheControl: 'max-age=3600',
      userMetadata: { sha256: 'abc' },
    });
    expect(sandbox.log.list('tus.patch')).toHaveLength(3);
  });

  it('keeps what arrived before a cut, at any offset, and goes on from there', async () => {
    const body = randomBytes(20 * MIB);
    sandbox.faults.add({
      operation: 'tus.patch',
      skip: 1,
      times: 1,
      action: { kind: 'reset', when: 'request', afterBytes: 3 * MIB + 12_345 },
    });
    const cut = await upload(body, 'u/cut.gz');
    expect(cut.error).toBeDefined();
    expect(sandbox.objects.keys()).not.toContain('u/cut.gz');
    const head = await tusRequest(cut.uploadUrl ?? '', 'HEAD');
    const offset = Number(head.headers.get('upload-offset'));
    expect(offset).toBeGreaterThanOrEqual(CHUNK);
    expect(offset).toBeLessThan(CHUNK + 4 * MIB);
    const resumed = await upload(body, 'u/cut.gz', { uploadUrl: cut.uploadUrl });
    expect(resumed.error).toBeUndefined();
    expect(hash(await sandbox.objects.read('u/cut.gz'))).toBe(hash(body));
  });

  it('lies on the final PATCH when told to: 500, offset complete, no object', async () => {
    sandbox.faults.add({ operation: 'tus.patch', action: { kind: 'false_success' } });
    const retried = await upload(randomBytes(1000), 'u/lie.gz', { retryDelays: [0] });
    expect(retried.error).toBeUndefined();
    expect(sandbox.objects.keys()).not.toContain('u/lie.gz');
    expect((await tusRequest(retried.uploadUrl ?? '', 'HEAD')).headers.get('upload-offset')).toBe('1000');
  });

  it('tells an old offset when told to, and 409 for a PATCH that believes it', async () => {
    const location = (await createUpload('u/stale.gz', 7 * MIB)).headers.get('location') ?? '';
    const patch = (offset: number, size: number) => {
      const headers = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
      return tusRequest(location, 'PATCH', headers, Buffer.alloc(size));
    };
    expect((await patch(0, CHUNK + 5)).headers.get('upload-offset')).toBe(String(CHUNK + 5));
    sandbox.faults.add({ operation: 'tus.head', times: 1, action: { kind: 'false_success' } });
    expect((await tusRequest(location, 'HEAD')).headers.get('upload-offset')).toBe(String(CHUNK));
    const conflict = await patch(CHUNK, 5);
    expect([conflict.status, await conflict.text()]).toEqual([409, 'Upload-Offset conflict\n']);
    expect((await tusRequest(location, 'HEAD')).headers.get('upload-offset')).toBe(String(CHUNK + 5));
  });
});

describe('TUS refusals', () => {
  it('are plain text with their true status', async () => {
    await upload(Buffer.from('x'), 'u/taken');
    const answers = [
      await createUpload('u/taken', 1),
      await createUpload('u/large', 41 * MIB),
      await createUpload('u/elsewhere', 1, { bucketName: 'no-such-bucket' }),
      await createUpload('u/ü', 1),
    ];
    expect(await Promise.all(answers.map(async (r) => [r.status, (await r.text()).trim()]))).toEqual([
      [409, 'The resource already exists'],
      [413, 'Maximum size exceeded'],
      [404, 'Bucket not found'],
      [400, 'Invalid key: u/ü'],
    ]);
  });

  it('are JSON with 400 for a bad token', async () => {
    const headers = { authorization: 'Bearer a.b.c', 'tus-resumable': '1.0.0', 'upload-length': '1' };
    const response = await fetch(`${sandbox.url}/storage/v1/upload/resumable`, { method: 'POST', headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ statusCode: '403', code: 'AccessDenied' });
  });

  it('tell an expired upload (410) from a forgotten one (404)', async () => {
    const location = (await createUpload('u/old', 10)).headers.get('location') ?? '';
    sandbox.objects.expireUploads();
    expect((await tusRequest(location, 'HEAD')).status).toBe(410);
    await sandbox.objects.forgetUploads();
    expect((await tusRequest(location, 'HEAD')).status).toBe(404);
  });
});
