import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectCode } from '@/tests/conformance/storage-service.ts';
import { type S3TestStore, startS3TestStore } from '@/tests/support/s3-store.ts';
import { type SupabaseTestStore, startSupabaseTestStore } from '@/tests/support/supabase-store.ts';
import { FileUrlSigner } from './signed-file-url.ts';
import { StorageError } from './storage-error.ts';
import { createStorageService } from './storage-factory.ts';

describe('createStorageService', () => {
  let s3: S3TestStore;
  let supabase: SupabaseTestStore;
  let folder: string;

  beforeAll(async () => {
    s3 = await startS3TestStore();
    supabase = await startSupabaseTestStore();
    folder = await mkdtemp(join(tmpdir(), 'longshore-factory-'));
  });

  afterAll(async () => {
    await s3.close();
    await supabase.close();
    await rm(folder, { recursive: true });
  });

  const bytes = randomBytes(120_000);
  const bodies = {
    'a Blob': () => new Blob([bytes]),
    'a stream': () => Readable.from([bytes.subarray(0, 50_000), bytes.subarray(50_000)]),
  };

  it.each(Object.entries(bodies))(
    'takes %s and gives it back by URL, from S3 and Supabase',
    async (_name, makeBody) => {
      const stores = [
        createStorageService('s3', s3.config, { guard: s3.guard, spoolFolder: folder }),
        createStorageService('supabase', supabase.config, { guard: supabase.guard, spoolFolder: folder }),
      ];
      const keys = await Promise.all(stores.map((store) => store.uploadDataset(makeBody(), 'user-1', 'data-1')));
      expect(keys).toEqual(['user-1/datasets/data-1.jsonl.gz', 'user-1/private/data-1.jsonl.gz']);
      for (const [index, store] of stores.entries()) {
        const response = await fetch(await store.generateDownloadUrl(keys[index] ?? ''));
        expect(response.headers.get('content-type')).toBe('application/gzip');
        expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
      }
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('keeps no temporary file of a stream that breaks', async () => {
    const store = createStorageService('s3', s3.config, { guard: s3.guard, spoolFolder: folder });
    const broken = Readable.from(
      (async function* () {
        yield bytes;
        throw new Error('the client went away');
      })(),
    );
    await expect(store.uploadDataset(broken, 'user-1', 'broken')).rejects.toThrow('the client went away');
    expect(await readdir(folder)).toEqual([]);
  });

  it('opens a directory', async () => {
    const keys = [{ id: 'k', secret: randomBytes(32) }] as const;
    const signer = new FileUrlSigner({ publicUrl: 'http://127.0.0.1:3000', keys });
    const store = await createStorageService('filesystem', { root: join(folder, 'objects'), signer });
    const key = await store.uploadDataset(new Blob([bytes]), 'user-1', 'data-1');
    expect(await store.generateDownloadUrl(key, 60)).toMatch(
      /^http:\/\/127\.0\.0\.1:3000\/files\/user-1\/private\/data-1/,
    );
    await rm(join(folder, 'objects'), { recursive: true });
  });

  it('allows no private endpoint unless told to', async () => {
    expect(() => createStorageService('s3', s3.config)).toThrow(StorageError);
    expect(() => createStorageService('supabase', supabase.config)).toThrow(StorageError);
    const named = { ...s3.config, endpoint: s3.config.endpoint?.replace('127.0.0.1', 'localhost') };
    await expectCode(createStorageService('s3', named).probe(), 'endpoint_refused');
  });
});
