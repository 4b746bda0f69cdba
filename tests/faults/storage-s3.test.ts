import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { StorageErrorCode } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import { memoryJournal } from '@/lib/storage/upload-journal.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { expectCode, readText } from '@/tests/conformance/storage-service.ts';
import { type S3TestStore, startS3TestStore } from '@/tests/support/s3-store.ts';

const MIB = 1024 * 1024;
const noPause = { retry: { sleep: async () => undefined } };

describe('S3 under faults', () => {
  let store: S3TestStore;
  let layered: StorageService;
  let keys = 0;
  const newKey = () => `faults/${++keys}.bin`;

  beforeAll(async () => {
    store = await startS3TestStore();
  });
  beforeEach(() => {
    store.sandbox.faults.clear();
    store.sandbox.log.clear();
    layered = composeLayers(store.service, noPause);
  });
  afterAll(() => store.close());

  const answers: [status: number, code: string, expected: StorageErrorCode, retry: string][] = [
    [403, 'AccessDenied', 'forbidden', 'never'],
    [403, 'InvalidAccessKeyId', 'unauthorized', 'never'],
    [403, 'SignatureDoesNotMatch', 'unauthorized', 'never'],
    [400, 'ExpiredToken', 'unauthorized', 'never'],
    [403, 'RequestTimeTooSkewed', 'clock_skew', 'never'],
    [404, 'NoSuchBucket', 'bucket_not_found', 'never'],
    [301, 'PermanentRedirect', 'wrong_region', 'never'],
    [400, 'EntityTooLarge', 'too_large', 'never'],
    [403, 'QuotaExceeded', 'quota_exceeded', 'never'],
    [507, 'XMinioStorageFull', 'quota_exceeded', 'never'],
    [501, 'NotImplemented', 'invalid_request', 'never'],
    [400, 'InvalidRequest', 'invalid_request', 'never'],
    [404, 'SomethingElse', 'unavailable', 'never'],
    [400, 'BadDigest', 'corrupt', 'safe'],
    [400, 'RequestTimeout', 'timeout', 'safe'],
    [409, 'ConditionalRequestConflict', 'unavailable', 'safe'],
    [429, 'TooManyRequests', 'rate_limited', 'safe'],
    [503, 'SlowDown', 'rate_limited', 'safe'],
    [500, 'InternalError', 'unavailable', 'safe'],
    [503, 'ServiceUnavailable', 'unavailable', 'safe'],
  ];

  describe.each(answers)('%i %s', (status, code, expected, retry) => {
    it(`is ${expected}, retry ${retry}`, async () => {
      store.sandbox.faults.add({ operation: ['PutObject', 'GetObject'], action: { kind: 'status', status, code } });
      const put = await expectCode(store.service.put(newKey(), bufferBody('x')), expected);
      const get = await expectCode(store.service.get(newKey()), expected);
      expect([put.retry, get.retry]).toEqual([retry, retry]);
      expect(put.detail).toContain(code);
    });

    it(`is ${retry === 'safe' ? 'repeated until it is over' : 'asked once only'} by the layers`, async () => {
      const key = newKey();
      store.sandbox.faults.add({ operation: 'PutObject', times: 2, action: { kind: 'status', status, code } });
      const put = layered.put(key, bufferBody('kept'));
      if (retry === 'never') await expectCode(put, expected);
      else await put;
      expect(store.sandbox.log.list('PutObject')).toHaveLength(retry === 'never' ? 1 : 3);
      if (retry === 'safe') expect(await readText(layered, key)).toBe('kept');
    });
  });

  it('waits as long as a store asks for', async () => {
    const pauses: number[] = [];
    const patient = composeLayers(store.service, { retry: { sleep: async (ms) => void pauses.push(ms) } });
    const action = { kind: 'status', status: 503, code: 'SlowDown', retryAfterSeconds: 7 } as const;
    store.sandbox.faults.add({ operation: 'PutObject', times: 1, action });
    await patient.put(newKey(), bufferBody('x'));
    expect(pauses).toEqual([7000]);
  });

  it('says exhausted when repeating did not help', async () => {
    store.sandbox.faults.add({
      operation: 'PutObject',
      action: { kind: 'status', status: 500, code: 'InternalError' },
    });
    const error = await expectCode(layered.put(newKey(), bufferBody('x')), 'unavailable');
    expect(error.retry).toBe('exhausted');
    expect(store.sandbox.log.list('PutObject')).toHaveLength(5);
  });

  describe('faults that HEAD does not explain', () => {
    it('are told apart by a second question', async () => {
      const key = newKey();
      await store.service.put(key, bufferBody('x'));
      const foreign = 'bucket-in-frankfurt';
      await store.sandbox.createBucket(foreign, { region: 'eu-central-1' });
      store.sandbox.identities.addUser({
        name: 'reader',
        accessKeyId: 'AKIAREADER',
        secretAccessKey: 's',
        deny: ['*'],
      });
      const { accessKeyId } = store.sandbox;
      const variants = {
        unauthorized: store.variant({ credentials: { accessKeyId, secretAccessKey: 'wrong' } }),
        forbidden: store.variant({ credentials: { accessKeyId: 'AKIAREADER', secretAccessKey: 's' } }),
        bucket_not_found: store.variant({ bucket: 'no-such-bucket' }),
        wrong_region: store.variant({ bucket: foreign }),
      };
      for (const [code, service] of Object.entries(variants) as [StorageErrorCode, StorageService][]) {
        const errors = [
          await expectCode(service.stat(key), code),
          await expectCode(service.probe(), code),
          await expectCode(service.put(newKey(), bufferBody('x')), code),
          await expectCode(service.put(newKey(), bufferBody(Buffer.alloc(6 * MIB))), code),
        ];
        expect(errors.map((error) => error.retry)).toEqual(['never', 'never', 'never', 'never']);
        if (code === 'wrong_region') expect(errors[0]?.detail).toContain('eu-central-1');
      }
      await expectCode(
        store.variant({ credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' } }).probe(),
        'unauthorized',
      );
    });

    it('may be a clock that is wrong', async () => {
      const skewed = await startS3TestStore({}, { now: () => Date.now() + 3_600_000 });
      await expectCode(skewed.variant({}).probe(), 'clock_skew');
      await expectCode(skewed.variant({}).put('a/b', bufferBody('x')), 'clock_skew');
      await skewed.close();
    });
  });

  describe('connections', () => {
    it.each([
      ['cut before the request', { kind: 'reset' }],
      ['cut in the request', { kind: 'reset', when: 'request', afterBytes: 1000 }],
      ['lost with the answer', { kind: 'reset', when: 'after' }],
    ] as const)('%s: the put is repeated', async (_name, action) => {
      const key = newKey();
      const bytes = randomBytes(200_000);
      store.sandbox.faults.add({ operation: 'PutObject', times: 3, action });
      await expectCode(store.service.put(key, bufferBody(bytes)), 'unavailable');
      await layered.put(key, bufferBody(bytes));
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });

    it.each([
      ['cut', { kind: 'reset', when: 'response', afterBytes: 50_000 }],
      ['ended early', { kind: 'truncate', side: 'response', afterBytes: 50_000 }],
    ] as const)('a body that is %s never looks complete, and is gone on with', async (_name, action) => {
      const key = newKey();
      const bytes = randomBytes(500_000);
      await layered.put(key, bufferBody(bytes));
      store.sandbox.faults.add({ operation: 'GetObject', times: 4, action });
      const { body } = await store.service.get(key);
      expect((await expectCode(buffer(body), 'any')).retry).toBe('safe');
      expect((await buffer((await layered.get(key)).body)).equals(bytes)).toBe(true);
      expect(store.sandbox.log.list('GetObject').at(-1)?.range).toMatch(/^bytes=[1-9]\d*-/);
    });

    it('an idle store is given up', async () => {
      const key = newKey();
      await layered.put(key, bufferBody(randomBytes(500_000)));
      const brief = composeLayers(store.service, {
        ...noPause,
        timeout: { requestTimeoutMs: 200, idleTimeoutMs: 200 },
        retry: { ...noPause.retry, maxAttempts: 2 },
      });
      store.sandbox.faults.add({ operation: 'HeadObject', action: { kind: 'stall' } });
      await expectCode(brief.stat(key), 'timeout');
      store.sandbox.faults.add({
        operation: 'GetObject',
        action: { kind: 'stall', when: 'response', afterBytes: 1000 },
      });
      const { body } = await brief.get(key);
      await expectCode(buffer(body), 'timeout');
      store.sandbox.faults.clear();
      store.sandbox.faults.add({
        operation: 'PutObject',
        action: { kind: 'stall', when: 'request', afterBytes: 1000 },
      });
      await expectCode(brief.put(newKey(), bufferBody(randomBytes(500_000))), 'timeout');
    });

    it('a store that is down is unavailable, then left alone', async () => {
      const other = await startS3TestStore();
      const guarded = composeLayers(other.service, { ...noPause, breaker: { failures: 3, openMs: 60_000 } });
      await other.sandbox.stop();
      await expectCode(guarded.probe(), 'unavailable');
      await other.sandbox.start();
      const refused = await expectCode(guarded.stat('a/b'), 'unavailable');
      expect(refused.detail).toContain('left alone');
      expect(other.sandbox.log.list('HeadObject')).toEqual([]);
      await other.close();
    });
  });

  describe('damage on the way', () => {
    it.each([1_000, 6 * MIB])('is found by the store and mended by sending %i bytes again', async (size) => {
      const key = newKey();
      const bytes = randomBytes(size);
      store.sandbox.faults.add({
        operation: ['PutObject', 'UploadPart'],
        times: 1,
        action: { kind: 'bit_flip', side: 'request', atByte: 500 },
      });
      await layered.put(key, bufferBody(bytes));
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });

    it('is found also by stores that know no checksum headers', async () => {
      const key = newKey();
      const bytes = randomBytes(100_000);
      const generic = store.variant({ profile: 'generic' });
      store.sandbox.faults.add({ operation: 'PutObject', action: { kind: 'bit_flip', side: 'request', atByte: 500 } });
      await expectCode(generic.put(key, bufferBody(bytes)), 'corrupt');
      expect(store.sandbox.objects.keys()).not.toContain(key);
    });

    it.each([1_000, 6 * MIB])('a success that kept nothing of %i bytes is no success', async (size) => {
      const key = newKey();
      const bytes = randomBytes(size);
      const operation = ['PutObject', 'CompleteMultipartUpload'];
      store.sandbox.faults.add({ operation, times: 1, action: { kind: 'false_success' } });
      await expectCode(store.service.put(key, bufferBody(bytes)), 'corrupt');
      store.sandbox.faults.clear();
      store.sandbox.faults.add({ operation, times: 1, action: { kind: 'false_success' } });
      await layered.put(key, bufferBody(bytes));
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });
  });

  describe('multipart uploads', () => {
    const bytes = randomBytes(22 * MIB);
    const body = bufferBody(bytes, {});

    it('leave nothing behind when they fail', async () => {
      const key = newKey();
      store.sandbox.faults.add({
        operation: 'UploadPart',
        skip: 2,
        action: { kind: 'status', status: 403, code: 'AccessDenied' },
      });
      await expectCode(store.service.put(key, body), 'forbidden');
      await expectCode(layered.put(key, body), 'forbidden');
      expect(store.sandbox.objects.unfinishedUploads()).toEqual([]);
      expect(store.sandbox.objects.keys()).not.toContain(key);
    });

    it('go on where they were, in another process, and send no part twice', async () => {
      const key = newKey();
      const journal = memoryJournal();
      const fault = {
        operation: 'UploadPart',
        skip: 3,
        action: { kind: 'status', status: 500, code: 'InternalError' },
      } as const;
      store.sandbox.faults.add(fault);
      await expectCode(store.variant({ parallelParts: 1 }).put(key, body, { journal }), 'unavailable');
      store.sandbox.faults.clear();
      store.sandbox.log.clear();
      const seen: number[] = [];
      await store.variant({}).put(key, body, { journal: reborn(journal), onProgress: (sent) => seen.push(sent) });
      expect(store.sandbox.log.list('UploadPart')).toHaveLength(2);
      expect(seen.at(-1)).toBe(bytes.length);
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
      expect(await journal.load()).toBeUndefined();
    });

    it('send a part again when the spool no longer has its bytes', async () => {
      const key = newKey();
      const journal = memoryJournal();
      store.sandbox.faults.add({
        operation: 'CompleteMultipartUpload',
        action: { kind: 'status', status: 500, code: 'InternalError' },
      });
      await expectCode(store.service.put(key, body, { journal }), 'unavailable');
      store.sandbox.faults.clear();
      store.sandbox.log.clear();
      const mended = Buffer.from(bytes);
      mended.writeUInt8(mended.readUInt8(7 * MIB) ^ 1, 7 * MIB);
      await store.service.put(key, bufferBody(mended), { journal });
      expect(store.sandbox.log.list('UploadPart')).toHaveLength(1);
      expect((await store.sandbox.objects.read(key)).equals(mended)).toBe(true);
    });

    it('believe the store, not the journal, about what arrived', async () => {
      const key = newKey();
      const journal = memoryJournal();
      store.sandbox.faults.add({
        operation: 'CompleteMultipartUpload',
        action: { kind: 'status', status: 500, code: 'InternalError' },
      });
      await expectCode(store.service.put(key, body, { journal }), 'unavailable');
      const state = JSON.parse(JSON.stringify(await journal.load()));
      for (const part of state.parts) part.etag = `"${'0'.repeat(32)}"`;
      await journal.save(state);
      store.sandbox.faults.clear();
      store.sandbox.log.clear();
      await store.service.put(key, body, { journal });
      expect(store.sandbox.log.list('UploadPart')).toHaveLength(5);
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });

    it('start over when the store has forgotten them', async () => {
      const key = newKey();
      const journal = memoryJournal();
      store.sandbox.faults.add({
        operation: 'UploadPart',
        skip: 3,
        action: { kind: 'status', status: 500, code: 'InternalError' },
      });
      await expectCode(store.service.put(key, body, { journal }), 'unavailable');
      store.sandbox.faults.clear();
      const state = await journal.load();
      if (state === undefined) throw new Error('the journal is empty');
      await store.service.abortUpload(state);
      await store.service.abortUpload(state);
      await store.service.put(key, body, { journal });
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
      expect(store.sandbox.objects.unfinishedUploads()).toEqual([]);
    });

    it('know their own object when only the answer was lost', async () => {
      const key = newKey();
      const options = { journal: memoryJournal(), metadata: { sha256: 'f'.repeat(64) }, ifAbsent: true };
      store.sandbox.faults.add({
        operation: 'CompleteMultipartUpload',
        times: 1,
        action: { kind: 'reset', when: 'after' },
      });
      await layered.put(key, body, options);
      expect(store.sandbox.log.list('UploadPart')).toHaveLength(5);
      expect(store.sandbox.log.list('CompleteMultipartUpload')).toHaveLength(1);
      expect(await options.journal.load()).toBeUndefined();
    });

    it('are not complete when the store says 200 and an error', async () => {
      const key = newKey();
      const action = { kind: 'status', status: 200, code: 'InternalError' } as const;
      store.sandbox.faults.add({ operation: 'CompleteMultipartUpload', times: 1, action });
      await expectCode(store.service.put(key, body), 'unavailable');
      store.sandbox.faults.add({ operation: 'CompleteMultipartUpload', times: 1, action });
      await layered.put(key, body);
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });

    it('survive more failures than there are attempts, as long as each gets further', async () => {
      const key = newKey();
      const big = randomBytes(40 * MIB);
      const one = composeLayers(store.variant({ parallelParts: 1 }), { retry: { ...noPause.retry, maxAttempts: 2 } });
      for (const skip of [1, 2, 3, 4, 5]) {
        const action = { kind: 'reset', when: 'request', afterBytes: 100_000 } as const;
        store.sandbox.faults.add({ operation: 'UploadPart', skip: skip * 2, times: 1, action });
      }
      await one.put(key, bufferBody(big));
      expect((await store.sandbox.objects.read(key)).equals(big)).toBe(true);
    });

    it('stop when told to, and go on later', async () => {
      const key = newKey();
      const journal = memoryJournal();
      const abort = new AbortController();
      const onProgress = (sent: number) => (sent > 5 * MIB ? abort.abort() : undefined);
      await expectCode(layered.put(key, body, { journal, signal: abort.signal, onProgress }), 'aborted');
      expect(await journal.load()).toMatchObject({ provider: 's3' });
      await layered.put(key, body, { journal });
      expect((await store.sandbox.objects.read(key)).equals(bytes)).toBe(true);
    });
  });

  it('knows its own object when the answer to a conditional put was lost', async () => {
    const key = newKey();
    store.sandbox.faults.add({ operation: 'PutObject', times: 1, action: { kind: 'reset', when: 'after' } });
    await layered.put(key, bufferBody('mine'), { ifAbsent: true, metadata: { sha256: 'a'.repeat(64) } });
    expect(await readText(layered, key)).toBe('mine');
    store.sandbox.faults.add({ operation: 'PutObject', times: 1, action: { kind: 'reset' } });
    const other = layered.put(key, bufferBody('thine'), { ifAbsent: true, metadata: { sha256: 'b'.repeat(64) } });
    await expectCode(other, 'already_exists');
    expect(await readText(layered, key)).toBe('mine');
  });
});

/** What another process would find: nothing but the journal's text. */
function reborn(journal: ReturnType<typeof memoryJournal>): ReturnType<typeof memoryJournal> {
  return { ...journal, load: async () => JSON.parse(JSON.stringify(await journal.load())) };
}
