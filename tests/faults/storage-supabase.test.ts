import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { StorageErrorCode } from '@/lib/storage/storage-error.ts';
import type { StorageService, UploadState } from '@/lib/storage/storage-service.ts';
import { memoryJournal } from '@/lib/storage/upload-journal.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode, readText } from '@/tests/conformance/storage-service.ts';
import { type SupabaseTestStore, startSupabaseTestStore } from '@/tests/support/supabase-store.ts';

const MIB = 1024 * 1024;
const CHUNK = 6 * MIB;
const noPause = { retry: { sleep: async () => undefined } };

describe('Supabase Storage under faults', () => {
  let store: SupabaseTestStore;
  let layered: StorageService;
  let resumable: StorageService;
  let keys = 0;
  const newKey = () => `faults/${++keys}.bin`;

  beforeAll(async () => {
    store = await startSupabaseTestStore();
  });
  beforeEach(() => {
    store.sandbox.faults.clear();
    store.sandbox.log.clear();
    layered = composeLayers(store.service, noPause);
    resumable = composeLayers(store.variant({ resumableAboveBytes: MIB }), noPause);
  });
  afterAll(() => store.close());

  const answers: [status: number, code: string, expected: StorageErrorCode, retry: string][] = [
    [403, 'AccessDenied', 'forbidden', 'never'],
    [400, 'InvalidJWT', 'unauthorized', 'never'],
    [413, 'EntityTooLarge', 'too_large', 'never'],
    [415, 'InvalidMimeType', 'invalid_request', 'never'],
    [402, 'SomethingNew', 'quota_exceeded', 'never'],
    [429, 'SlowDown', 'rate_limited', 'safe'],
    [500, 'InternalError', 'unavailable', 'safe'],
    [503, 'SomethingNew', 'unavailable', 'safe'],
    [544, 'DatabaseTimeout', 'timeout', 'safe'],
  ];

  describe.each(answers)('%i %s', (status, code, expected, retry) => {
    it(`is ${expected}, retry ${retry}`, async () => {
      store.sandbox.faults.add({
        operation: ['object.upload', 'object.info'],
        action: { kind: 'status', status, code },
      });
      const put = await expectCode(store.service.put(newKey(), bufferBody('x')), expected);
      const stat = await expectCode(store.service.stat(newKey()), expected);
      expect([put.retry, stat.retry]).toEqual([retry, retry]);
    });

    it(`is ${retry === 'safe' ? 'repeated until it is over' : 'asked once only'} by the layers`, async () => {
      const key = newKey();
      store.sandbox.faults.add({ operation: 'object.upload', times: 2, action: { kind: 'status', status, code } });
      const put = layered.put(key, bufferBody('kept'));
      if (retry === 'never') await expectCode(put, expected);
      else await put;
      expect(store.sandbox.log.list('object.upload')).toHaveLength(retry === 'never' ? 1 : 3);
    });
  });

  describe('told apart although the answers look alike', () => {
    const wrongKey = () => store.variant({ serviceRoleKey: `${store.sandbox.serviceRoleKey.slice(0, -6)}AAAAAA` });

    it('a wrong key is unauthorized in every operation, never a missing bucket or object', async () => {
      const key = newKey();
      await layered.put(key, bufferBody('x'));
      const wrong = wrongKey();
      await expectCode(wrong.probe(), 'unauthorized');
      await expectCode(wrong.put(newKey(), bufferBody('x')), 'unauthorized');
      await expectCode(wrong.stat(key), 'unauthorized');
      await expectCode(wrong.get(key), 'unauthorized');
      await expectCode(wrong.list(''), 'unauthorized');
      await expectCode(wrong.delete(key), 'unauthorized');
      await expectCode(wrong.presignGet(key, { expiresInSeconds: 60 }), 'unauthorized');
    });

    it('a wrong key is unauthorized for resumable uploads, new and unfinished ones', async () => {
      const key = newKey();
      const body = bufferBody(randomBytes(7 * MIB));
      const wrong = store.variant({ serviceRoleKey: 'not-even-a-token', resumableAboveBytes: MIB });
      await expectCode(wrong.put(key, body), 'unauthorized');
      const journal = memoryJournal();
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 1, times: 1, action: { kind: 'reset' } });
      await expectCode(store.variant({ resumableAboveBytes: MIB }).put(key, body, { journal }), 'unavailable');
      await expectCode(wrong.put(key, body, { journal }), 'unauthorized');
      expect(await journal.load()).toBeDefined();
      await resumable.put(key, body, { journal });
      expect((await store.sandbox.objects.stat(key))?.name).toBe(key);
    });

    it('a missing bucket is told for resumable uploads too', async () => {
      const gone = store.variant({ bucket: 'no-such-bucket', resumableAboveBytes: MIB });
      await expectCode(gone.put(newKey(), bufferBody(randomBytes(7 * MIB))), 'bucket_not_found');
    });

    it('an object over the limit is too large, both ways', async () => {
      const small = await startSupabaseTestStore({}, { bucketSettings: { file_size_limit: 2 * MIB } });
      const body = bufferBody(randomBytes(7 * MIB));
      await expectCode(small.service.put('a/b', body), 'too_large');
      await expectCode(small.variant({ resumableAboveBytes: MIB }).put('a/b', body), 'too_large');
      expect(small.sandbox.objects.keys()).toEqual([]);
      await small.close();
    });

    it('a page that is not the storage API proves nothing about an object', async () => {
      const elsewhere = store.variant({ url: `${store.sandbox.url}/somewhere` });
      const error = await expectCode(elsewhere.stat('a/b'), 'unavailable');
      expect(error.retry).toBe('never');
    });
  });

  describe('standard uploads', () => {
    it('that were acknowledged but not kept are sent again', async () => {
      const key = newKey();
      store.sandbox.faults.add({ operation: 'object.upload', times: 1, action: { kind: 'false_success' } });
      await expectCode(store.service.put(key, bufferBody('x')), 'corrupt');
      store.sandbox.faults.add({ operation: 'object.upload', times: 1, action: { kind: 'false_success' } });
      await layered.put(key, bufferBody('kept'));
      expect(await readText(layered, key)).toBe('kept');
    });

    it.each([
      ['cut in the request', { kind: 'reset', when: 'request', afterBytes: 1000 }],
      ['that lost their answer', { kind: 'reset', when: 'after' }],
    ] as const)('%s are repeated', async (_name, action) => {
      const key = newKey();
      const bytes = randomBytes(200_000);
      store.sandbox.faults.add({ operation: 'object.upload', times: 2, action });
      await layered.put(key, bufferBody(bytes));
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });

    it('always say length, type and metadata', async () => {
      const key = newKey();
      await layered.put(key, bufferBody('one'), { metadata: { sha256: 'x' } });
      await layered.put(key, bufferBody('two'));
      const row = store.sandbox.objects.stat(key);
      expect(await layered.stat(key)).toMatchObject({ metadata: {}, contentType: 'application/octet-stream' });
      expect(row?.name).toBe(key);
    });
  });

  describe('downloads', () => {
    it.each([
      ['cut', { kind: 'reset', when: 'response', afterBytes: 50_000 }],
      ['ended early', { kind: 'truncate', side: 'response', afterBytes: 50_000 }],
    ] as const)('that are %s never look complete, and are gone on with', async (_name, action) => {
      const key = newKey();
      const bytes = randomBytes(500_000);
      await layered.put(key, bufferBody(bytes));
      store.sandbox.faults.add({ operation: 'object.get', times: 4, action });
      const { body } = await store.service.get(key);
      expect((await expectCode(buffer(body), 'any')).retry).toBe('safe');
      expect((await buffer((await layered.get(key)).body)).equals(bytes)).toBe(true);
    });
  });

  it('says when a signed URL really ends', async () => {
    const shifted = await startSupabaseTestStore({}, { now: () => Date.now() + 3_600_000 });
    await shifted.service.put('a/b', bufferBody('x'));
    const { expiresAt } = await shifted.service.presignGet('a/b', { expiresInSeconds: 60 });
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now() + 3_600_000);
    await shifted.close();
  });

  describe('resumable uploads', () => {
    const bytes = randomBytes(3 * CHUNK + 12_345);
    const body = bufferBody(bytes);
    const isStored = async (key: string) => (await store.sandbox.objects.read(key)).equals(bytes);

    it('go in chunks of exactly 6 MiB and leave no upload behind', async () => {
      const key = newKey();
      const seen: number[] = [];
      await resumable.put(key, body, {
        metadata: { sha256: 'x' },
        contentType: 'application/gzip',
        onProgress: (n) => seen.push(n),
      });
      expect(store.sandbox.log.list('tus.patch')).toHaveLength(4);
      expect(seen).toEqual([0, CHUNK, 2 * CHUNK, 3 * CHUNK, bytes.length]);
      expect(await layered.stat(key)).toMatchObject({ contentType: 'application/gzip', metadata: { sha256: 'x' } });
      expect(await isStored(key)).toBe(true);
      expect(store.sandbox.objects.unfinishedUploads()).toEqual([]);
    });

    it('go on where the server is, not where the client was', async () => {
      const key = newKey();
      const journal = memoryJournal();
      const action = { kind: 'reset', when: 'request', afterBytes: 2 * MIB + 77 } as const;
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 1, times: 1, action });
      await expectCode(store.variant({ resumableAboveBytes: MIB }).put(key, body, { journal }), 'unavailable');
      const state = JSON.parse(JSON.stringify(await journal.load())) as UploadState;
      await journal.save(state);
      await store.variant({ resumableAboveBytes: MIB }).put(key, body, { journal });
      expect(await isStored(key)).toBe(true);
      expect(store.sandbox.log.list('tus.post')).toHaveLength(1);
      expect(await journal.load()).toBeUndefined();
    });

    it('ask again when the offset they were told was old', async () => {
      const key = newKey();
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 2, times: 1, action: { kind: 'reset', when: 'after' } });
      store.sandbox.faults.add({ operation: 'tus.head', times: 1, action: { kind: 'false_success' } });
      await resumable.put(key, body);
      expect(await isStored(key)).toBe(true);
      expect(store.sandbox.log.list('tus.post')).toHaveLength(1);
    });

    it('that were acknowledged to the last byte but not kept start over', async () => {
      const key = newKey();
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 3, times: 1, action: { kind: 'false_success' } });
      await resumable.put(key, body);
      expect(await isStored(key)).toBe(true);
      expect(store.sandbox.log.list('tus.post')).toHaveLength(2);
    });

    it.each(['expired', 'forgotten'])('start over when the server says that they are %s', async (how) => {
      const key = newKey();
      const journal = memoryJournal();
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 2, times: 1, action: { kind: 'reset' } });
      await expectCode(store.variant({ resumableAboveBytes: MIB }).put(key, body, { journal }), 'unavailable');
      if (how === 'expired') store.sandbox.objects.expireUploads();
      else await store.sandbox.objects.forgetUploads();
      await store.variant({ resumableAboveBytes: MIB }).put(key, body, { journal });
      expect(await isStored(key)).toBe(true);
    });

    it('never start over because of trouble with the server', async () => {
      const key = newKey();
      store.sandbox.faults.add({
        operation: 'tus.patch',
        skip: 1,
        times: 1,
        action: { kind: 'reset', when: 'request', afterBytes: MIB },
      });
      store.sandbox.faults.add({
        operation: 'tus.head',
        times: 2,
        action: { kind: 'status', status: 500, code: 'InternalError' },
      });
      await resumable.put(key, body);
      expect(store.sandbox.log.list('tus.post')).toHaveLength(1);
      expect(await isStored(key)).toBe(true);
    });

    it('know their own object when only the last answer was lost', async () => {
      const key = newKey();
      const journal = memoryJournal();
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 3, times: 1, action: { kind: 'reset', when: 'after' } });
      await resumable.put(key, body, { journal, metadata: { sha256: 'z' } });
      expect(store.sandbox.log.list('tus.post')).toHaveLength(1);
      expect(await journal.load()).toBeUndefined();
    });

    it('leave nothing behind when they fail', async () => {
      const key = newKey();
      store.sandbox.faults.add({
        operation: 'tus.patch',
        skip: 1,
        action: { kind: 'status', status: 403, code: 'AccessDenied' },
      });
      await expectCode(resumable.put(key, body), 'any');
      await expectCode(store.variant({ resumableAboveBytes: MIB }).put(key, body), 'any');
      expect(store.sandbox.objects.unfinishedUploads()).toEqual([]);
      expect(store.sandbox.objects.keys()).not.toContain(key);
    });

    it('can be given up by another process', async () => {
      const journal = memoryJournal();
      store.sandbox.faults.add({ operation: 'tus.patch', skip: 1, times: 1, action: { kind: 'reset' } });
      await expectCode(store.variant({ resumableAboveBytes: MIB }).put(newKey(), body, { journal }), 'unavailable');
      const state = await journal.load();
      if (state === undefined) throw new Error('the journal is empty');
      await layered.abortUpload(state);
      await layered.abortUpload(state);
      expect(store.sandbox.objects.unfinishedUploads()).toEqual([]);
    });

    it('tell a taken key from a wrong offset', async () => {
      const key = newKey();
      await layered.put(key, bufferBody('first'));
      await expectCode(resumable.put(key, body, { ifAbsent: true }), 'already_exists');
      expect(await readText(layered, key)).toBe('first');
    });

    it('use the server own count of bytes when it took less than was sent', async () => {
      const key = newKey();
      store.sandbox.faults.add({
        operation: 'tus.patch',
        skip: 1,
        times: 1,
        action: { kind: 'truncate', side: 'request', afterBytes: 3 * MIB },
      });
      await resumable.put(key, body);
      expect(await isStored(key)).toBe(true);
      expect(store.sandbox.log.list('tus.post')).toHaveLength(1);
    });
  });
});
