import { randomBytes } from 'node:crypto';
import { StorageClient } from '@supabase/storage-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode, listAll, readText } from '@/tests/conformance/storage-service.ts';
import { type SupabaseTestStore, startSupabaseTestStore } from '@/tests/support/supabase-store.ts';
import { uploadUrlOf } from './supabase-config.ts';

const MIB = 1024 * 1024;

describe('SupabaseStorageService', () => {
  let store: SupabaseTestStore;
  let client: StorageClient;

  beforeAll(async () => {
    store = await startSupabaseTestStore();
    const key = store.config.serviceRoleKey;
    client = new StorageClient(`${store.sandbox.url}/storage/v1`, { apikey: key, authorization: `Bearer ${key}` });
  });
  afterAll(() => store.close());

  it.each([
    ['in one request', 70_000],
    ['resumably', 7 * MIB],
  ])('writes %s what storage-js reads', async (_how, size) => {
    const bytes = randomBytes(size);
    const metadata = { sha256: 'ab'.repeat(32) };
    const key = `u/interop-${size}.gz`;
    const service = store.variant({ resumableAboveBytes: MIB });
    await service.put(key, bufferBody(bytes), { contentType: 'application/gzip', metadata });
    const bucket = client.from(store.config.bucket);
    const { data } = await bucket.download(key);
    expect(Buffer.from((await data?.arrayBuffer()) ?? new ArrayBuffer(0)).equals(bytes)).toBe(true);
    const info = await bucket.info(key);
    expect(info.data).toMatchObject({ size, contentType: 'application/gzip', metadata });
  });

  it('reads what storage-js wrote, without metadata of ours', async () => {
    await client
      .from(store.config.bucket)
      .upload('old/app.gz', Buffer.from('from before'), { contentType: 'application/gzip' });
    expect(await readText(store.service, 'old/app.gz')).toBe('from before');
    expect(await store.service.stat('old/app.gz')).toMatchObject({ sizeBytes: 11, metadata: {} });
  });

  it('lists folders of more than a thousand entries completely', async () => {
    const names = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (const name of names) await store.service.put(name, bufferBody(''));
    expect((await listAll(store.service, 'many/', 400)).map((object) => object.key)).toEqual(names);
  }, 60_000);

  it('signs nothing that is not there', async () => {
    await expectCode(store.service.presignGet('u/absent', { expiresInSeconds: 60 }), 'not_found');
  });

  it('says the expiry that the store put into the token', async () => {
    await store.service.put('u/signed', bufferBody('x'));
    const { url, expiresAt } = await store.service.presignGet('u/signed', { expiresInSeconds: 60 });
    const payload = new URL(url).searchParams.get('token')?.split('.')[1] ?? '';
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString()).exp * 1000).toBe(expiresAt.getTime());
  });

  it('takes large uploads to the storage host on hosted Supabase', () => {
    const config = { ...store.config, url: 'https://abcdefgh.supabase.co' };
    expect(uploadUrlOf(config)).toBe('https://abcdefgh.storage.supabase.co');
    expect(uploadUrlOf({ ...config, uploadUrl: 'https://own.example.org' })).toBe('https://own.example.org');
    expect(uploadUrlOf({ ...config, url: 'https://supabase.example.org' })).toBe('https://supabase.example.org');
  });
});
