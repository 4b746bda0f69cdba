import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sha256, supabaseClientFor } from '@/tests/support/sandbox-clients.ts';
import { signJwt } from './jwt.ts';
import { type SupabaseSandbox, startSupabaseSandbox } from './start-supabase-sandbox.ts';

const MIB = 1024 * 1024;
let sandbox: SupabaseSandbox;
let bucket: ReturnType<ReturnType<typeof supabaseClientFor>['from']>;

beforeAll(async () => {
  sandbox = await startSupabaseSandbox();
  bucket = supabaseClientFor(sandbox).from(sandbox.bucket);
});
afterEach(() => sandbox.faults.clear());
afterAll(async () => await sandbox.close());

interface RawAnswer {
  status: number;
  body: Record<string, unknown>;
}

async function raw(method: string, path: string, body?: unknown, token = sandbox.serviceRoleKey): Promise<RawAnswer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(`${sandbox.url}/storage/v1${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('standard uploads by storage-js', () => {
  it('keep bytes, type and metadata', async () => {
    const body = randomBytes(200_000);
    const options = { contentType: 'application/gzip', metadata: { sha256: 'abc' } };
    const { data, error } = await bucket.upload('u/private/a.jsonl.gz', body, options);
    expect(error).toBeNull();
    expect(data?.fullPath).toBe(`${sandbox.bucket}/u/private/a.jsonl.gz`);
    const info = await bucket.info('u/private/a.jsonl.gz');
    expect(info.data).toMatchObject({ size: 200_000, contentType: 'application/gzip', metadata: { sha256: 'abc' } });
    const downloaded = await bucket.download('u/private/a.jsonl.gz');
    expect(sha256(new Uint8Array((await downloaded.data?.arrayBuffer()) ?? new ArrayBuffer(0)))).toBe(sha256(body));
  });

  it('come as streams and as blobs in forms', async () => {
    const body = randomBytes(2 * MIB);
    const streamed = await bucket.upload('stream', Readable.from([body]), { duplex: 'half', contentType: 'a/b' });
    expect(streamed.error).toBeNull();
    expect(sha256(await sandbox.objects.read('stream'))).toBe(sha256(body));
    const blob = new Blob([body], { type: 'text/csv' });
    expect((await bucket.upload('blob', blob, { metadata: { k: 'v' } })).error).toBeNull();
    expect(sha256(await sandbox.objects.read('blob'))).toBe(sha256(body));
    expect(sandbox.objects.stat('blob')).toMatchObject({ mimeType: 'text/csv', userMetadata: { k: 'v' } });
  });

  it('find a taken key by 409 in the body, under HTTP 400', async () => {
    await bucket.upload('taken', 'x', { metadata: { sha256: 'abc' } });
    const { error } = await bucket.upload('taken', 'y');
    expect(error).toMatchObject({ status: 400, statusCode: '409', message: 'The resource already exists' });
    expect((await bucket.upload('taken', 'z', { upsert: true })).error).toBeNull();
    expect((await sandbox.objects.read('taken')).toString()).toBe('z');
    expect(sandbox.objects.stat('taken')?.userMetadata).toBeNull();
    expect((await bucket.update('created by update', 'x')).error).toBeNull();
  });

  it('both succeed when two overlap, as on the real server', async () => {
    const slow = (text: string) =>
      Readable.from(
        (async function* () {
          yield Buffer.from(text);
          while (sandbox.log.list('object.upload').length < 2) await new Promise(setImmediate);
        })(),
      );
    sandbox.log.clear();
    const both = await Promise.all(['a', 'b'].map((text) => bucket.upload('raced', slow(text), { duplex: 'half' })));
    expect(both.map(({ error }) => error)).toEqual([null, null]);
  });

  it('are held to limits, types and the alphabet of keys', async () => {
    sandbox.createBucket('narrow', { file_size_limit: MIB, allowed_mime_types: ['application/*'] });
    const narrow = supabaseClientFor(sandbox).from('narrow');
    const type = { contentType: 'application/gzip' };
    const refusals = [
      await narrow.upload('large', Buffer.alloc(MIB + 1), type),
      await narrow.upload('typed', 'x', { contentType: 'text/plain' }),
      await narrow.upload('ü', 'x', type),
      await supabaseClientFor(sandbox).from('missing').upload('x', 'x'),
    ];
    expect(refusals.map(({ error }) => [error?.message, (error as { statusCode?: string })?.statusCode])).toEqual([
      ['The object exceeded the maximum allowed size', '413'],
      ['mime type text/plain is not supported', '415'],
      ['Invalid key: ü', '400'],
      ['Bucket not found', '404'],
    ]);
    const unmeasured = Readable.from([Buffer.alloc(MIB), Buffer.alloc(1)]);
    expect((await narrow.upload('unmeasured', unmeasured, { ...type, duplex: 'half' })).error).toBeNull();
  });

  it('claim success and keep nothing when told to', async () => {
    sandbox.faults.add({ operation: 'object.upload', times: 1, action: { kind: 'false_success' } });
    expect((await bucket.upload('lie', 'x')).error).toBeNull();
    expect(sandbox.objects.keys()).not.toContain('lie');
  });
});

describe('reading', () => {
  beforeAll(async () => void (await bucket.upload('digits', '0123456789', { contentType: 'text/plain' })));

  const get = (url: string, range: string) => fetch(url, { headers: { range } });
  const signed = async (options = {}) => (await bucket.createSignedUrl('digits', 60, options)).data?.signedUrl ?? '';

  it('by a signed URL needs no header, and knows ranges', async () => {
    const url = await signed({ download: 'out.txt' });
    const response = await get(url, 'bytes=2-4');
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe('bytes 2-4/10');
    expect(response.headers.get('content-disposition')).toContain('out.txt');
    expect(await response.text()).toBe('234');
    expect(await (await get(url, 'bytes=-4')).text()).toBe('6789');
    expect((await get(url, 'bytes=0-1,4-5')).status).toBe(416);
    expect((await get(url, 'bytes=10-')).status).toBe(416);
    const conditional = await fetch(url, {
      headers: { 'if-match': '"other"', 'if-range': '"other"', range: 'bytes=0-0' },
    });
    expect(conditional.status).toBe(206);
  });

  it('answers 500 for a range past the end over the S3 backend', async () => {
    const other = await startSupabaseSandbox({ backend: 's3' });
    const client = supabaseClientFor(other).from(other.bucket);
    await client.upload('digits', '0123456789');
    const { data } = await client.createSignedUrl('digits', 60);
    expect((await get(data?.signedUrl ?? '', 'bytes=10-')).status).toBe(500);
    await other.close();
  });

  it('refuses URLs that expired, were made for another object, or by another key', async () => {
    const now = Math.floor(Date.now() / 1000);
    const url = (claims: object, secret = sandbox.jwtSecret) => {
      const token = signJwt({ url: `${sandbox.bucket}/digits`, scope: 'download', ...claims }, secret);
      return raw('GET', `/object/sign/${sandbox.bucket}/digits?token=${token}`);
    };
    expect(await url({ exp: now - 1 })).toMatchObject({
      status: 400,
      body: { code: 'InvalidJWT', message: '"exp" claim timestamp check failed' },
    });
    expect((await url({ url: `${sandbox.bucket}/other`, exp: now + 60 })).body.code).toBe('InvalidSignature');
    expect(await url({ exp: now + 60 }, 'other secret')).toMatchObject({
      status: 400,
      body: { code: 'InvalidJWT', message: 'signature verification failed' },
    });
  });

  it('signs only what exists, one or many', async () => {
    expect(await raw('POST', `/object/sign/${sandbox.bucket}/nothing`, { expiresIn: 60 })).toEqual({
      status: 400,
      body: { statusCode: '404', error: 'not_found', message: 'Object not found', code: 'NoSuchKey' },
    });
    const { data } = await bucket.createSignedUrls(['digits', 'nothing'], 60);
    expect(data?.map(({ path, error }) => [path, error === null])).toEqual([
      ['digits', true],
      ['nothing', false],
    ]);
    expect(await (await fetch(data?.[0]?.signedUrl ?? '')).text()).toBe('0123456789');
  });

  it('says exists: false for a wrong key as for a missing object', async () => {
    expect((await bucket.exists('digits')).data).toBe(true);
    expect((await bucket.exists('nothing')).data).toBe(false);
    expect((await supabaseClientFor(sandbox, 'a.b.c').from(sandbox.bucket).exists('digits')).data).toBe(false);
  });
});

describe('tokens', () => {
  it('that cannot be trusted are 403 in the body, except where the bucket seems gone', async () => {
    const bad = signJwt({ role: 'service_role' }, 'other secret');
    expect(await raw('GET', `/bucket/${sandbox.bucket}`, undefined, bad)).toMatchObject({
      status: 400,
      body: {
        statusCode: '403',
        error: 'Unauthorized',
        code: 'AccessDenied',
        message: 'signature verification failed',
      },
    });
    expect((await raw('GET', `/object/${sandbox.bucket}/digits`, undefined, bad)).body.message).toBe(
      'Bucket not found',
    );
    const old = signJwt({ role: 'service_role', exp: 1 }, sandbox.jwtSecret);
    expect((await raw('GET', '/bucket', undefined, old)).body.message).toBe('"exp" claim timestamp check failed');
  });

  it('of no power see nothing and write nothing', async () => {
    const anonymous = supabaseClientFor(sandbox, sandbox.anonKey).from(sandbox.bucket);
    expect((await anonymous.upload('mine', 'x')).error?.message).toBe('new row violates row-level security policy');
    expect((await anonymous.download('digits')).error).toBeTruthy();
    expect((await anonymous.list()).data).toEqual([]);
    expect((await anonymous.remove(['digits'])).data).toEqual([]);
    expect(sandbox.objects.keys()).toContain('digits');
  });
});

describe('lists, copies and removals', () => {
  let files: typeof bucket;

  beforeAll(async () => {
    sandbox.createBucket('tree');
    files = supabaseClientFor(sandbox).from('tree');
    for (const key of ['b', 'a/1', 'a/2', 'a/sub/3', 'c']) await files.upload(key, key);
  });

  it('shows one level, folders without an id, by offset and limit', async () => {
    const top = (await files.list()).data ?? [];
    expect(top.map(({ name, id }) => [name, id === null])).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
    ]);
    const names = async (options: object) => (await files.list('a', options)).data?.map(({ name }) => name);
    expect(await names({ limit: 2 })).toEqual(['1', '2']);
    expect(await names({ limit: 2, offset: 2 })).toEqual(['sub']);
    expect(await names({ sortBy: { column: 'name', order: 'desc' } })).toEqual(['sub', '2', '1']);
    expect((await supabaseClientFor(sandbox).from('no-such-bucket').list()).data).toEqual([]);
  });

  it('pages flat or by folder with a cursor', async () => {
    const keys: (string | undefined)[] = [];
    let cursor: string | undefined;
    do {
      const { data } = await files.listV2({ prefix: 'a/', limit: 2, cursor });
      keys.push(...(data?.objects ?? []).map(({ key }) => key));
      cursor = data?.nextCursor;
    } while (cursor !== undefined);
    expect(keys).toEqual(['a/1', 'a/2', 'a/sub/3']);
    const { data } = await files.listV2({ with_delimiter: true });
    expect(data?.folders.map(({ name }) => name)).toEqual(['a/']);
  });

  it('copies, moves, and refuses a taken destination', async () => {
    expect((await files.copy('b', 'copied')).error).toBeNull();
    expect((await files.move('c', 'moved')).error).toBeNull();
    expect((await files.copy('b', 'copied')).error).toMatchObject({ statusCode: '409' });
    expect((await files.move('nothing', 'x')).error).toMatchObject({ statusCode: '404' });
    expect((await sandbox.objects.read('moved', 'tree')).toString()).toBe('c');
    expect(sandbox.objects.keys('tree')).not.toContain('c');
  });

  it('tells which rows were really removed', async () => {
    const { data } = await files.remove(['b', 'nothing', 'a/1']);
    expect(data?.map(({ name }) => name)).toEqual(['b', 'a/1']);
  });
});

describe('buckets', () => {
  it('are made, changed, emptied and deleted', async () => {
    const client = supabaseClientFor(sandbox);
    expect((await client.createBucket('made', { public: false, fileSizeLimit: '1MB' })).error).toBeNull();
    expect((await client.getBucket('made')).data).toMatchObject({ id: 'made', file_size_limit: 1e6 });
    expect(await raw('POST', '/bucket', { id: 'made' })).toMatchObject({
      status: 400,
      body: { statusCode: '409', error: 'Duplicate', code: 'BucketAlreadyExists' },
    });
    await client.from('made').upload('x', 'x');
    expect((await client.deleteBucket('made')).error).toMatchObject({ statusCode: '409' });
    expect((await client.emptyBucket('made')).error).toBeNull();
    expect((await client.deleteBucket('made')).error).toBeNull();
    expect((await client.getBucket('made')).error).toMatchObject({ status: 400, statusCode: '404' });
  });

  it('answers 404 to unknown routes, unlike to unknown things', async () => {
    expect((await raw('GET', '/no/such/route')).status).toBe(404);
  });
});

describe('state', () => {
  it('is found again in its directory', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'supabase-sandbox-test-'));
    const first = await startSupabaseSandbox({ dir, jwtSecret: 'fixed' });
    await supabaseClientFor(first)
      .from(first.bucket)
      .upload('kept', 'bytes', { metadata: { a: '1' } });
    await first.close();
    const second = await startSupabaseSandbox({ dir, jwtSecret: 'fixed' });
    expect((await second.objects.read('kept')).toString()).toBe('bytes');
    expect(second.objects.stat('kept')?.userMetadata).toEqual({ a: '1' });
    await second.close();
    await rm(dir, { recursive: true });
  });
});
