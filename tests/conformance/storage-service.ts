import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StorageError, type StorageErrorCode } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, ReplayableBody, StorageService } from '@/lib/storage/storage-service.ts';
import { bufferBody, readableOf } from '@/lib/streams/replayable-body.ts';

/** One store under test. It may hold other objects: every test works under a prefix of its own. */
export interface StorageHarness {
  service: StorageService;
  /** The same store with a bucket that does not exist. */
  missingBucket: StorageService;
  /** Fetches a signed URL as an outsider would: nothing but the URL. */
  fetchSigned(url: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** The storage contract, in code. Every backend and every stack of layers passes it. */
export function describeStorageService(name: string, makeHarness: () => Promise<StorageHarness>): void {
  describe(`storage contract: ${name}`, () => {
    let harness: StorageHarness;
    let service: StorageService;
    const prefix = `conformance-${randomUUID()}`;
    const newKey = () => `${prefix}/${randomUUID()}.bin`;

    beforeAll(async () => {
      harness = await makeHarness();
      service = harness.service;
    });

    afterAll(async () => {
      for (const { key } of await listAll(service, `${prefix}/`)) await service.delete(key, { allVersions: true });
      await harness.close();
    });

    describe('put and get', () => {
      it.each([0, 1, 65_537, 300_000, 5 * 1024 * 1024 + 3])('keeps %i bytes exactly', async (size) => {
        const key = newKey();
        const bytes = randomBytes(size);
        const stored = await service.put(key, bufferBody(bytes));
        expect(stored).toMatchObject({ key, sizeBytes: size });
        const reader = await service.get(key);
        expect(reader.stat).toMatchObject({ key, sizeBytes: size });
        expect((await buffer(reader.body)).equals(bytes)).toBe(true);
      });

      it('keeps content type and metadata', async () => {
        const key = newKey();
        const metadata = { 'dataset-id': 'd-1', sha256: 'ab'.repeat(32), note: 'a "quoted", 100% plain = value; x' };
        await service.put(key, bufferBody('text'), { contentType: 'application/gzip', metadata });
        expect(await service.stat(key)).toMatchObject({ contentType: 'application/gzip', metadata });
        const reader = await service.get(key);
        reader.body.destroy();
        expect(reader.stat).toMatchObject({ contentType: 'application/gzip', metadata });
      });

      it('replaces bytes and metadata together', async () => {
        const key = newKey();
        await service.put(key, bufferBody('first, and longer'), { metadata: { turn: '1', old: 'yes' } });
        await service.put(key, bufferBody('second'), { metadata: { turn: '2' } });
        const reader = await service.get(key);
        expect((await buffer(reader.body)).toString()).toBe('second');
        expect(reader.stat.metadata).toEqual({ turn: '2' });
      });

      it('says how far a put has come', async () => {
        const seen: number[] = [];
        const size = 700_000;
        await service.put(newKey(), bufferBody(randomBytes(size)), { onProgress: (sent) => seen.push(sent) });
        expect(seen.at(-1)).toBe(size);
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
      });

      it('keeps an object readable while another put fails', async () => {
        const key = newKey();
        await service.put(key, bufferBody('the good one'));
        await expectCode(service.put(key, brokenBody(400_000, 200_000)), 'any');
        expect(await readText(service, key)).toBe('the good one');
      });

      it('leaves nothing of a put whose body breaks', async () => {
        const key = newKey();
        await expectCode(service.put(key, brokenBody(400_000, 200_000)), 'any');
        await expectAbsent(service, key);
      });

      it.each([-10, 10])('refuses a body whose size is announced wrong by %i', async (difference) => {
        const key = newKey();
        const bytes = randomBytes(100_000);
        const lying = { sizeBytes: bytes.length + difference, open: () => readableOf(bytes) };
        await expectCode(service.put(key, lying), 'any');
        await expectAbsent(service, key);
      });

      it('stops a put when told to, and leaves nothing', async () => {
        const key = newKey();
        const abort = new AbortController();
        const body = stallingBody(600_000, 300_000, () => abort.abort());
        await expectCode(service.put(key, body, { signal: abort.signal }), 'aborted');
        await expectAbsent(service, key);
      });

      it('does not begin a put that was stopped before', async () => {
        const key = newKey();
        await expectCode(service.put(key, bufferBody('x'), { signal: AbortSignal.abort() }), 'aborted');
        await expectAbsent(service, key);
      });
    });

    describe('ifAbsent', () => {
      it('refuses a taken key and keeps what is there', async () => {
        if (!service.capabilities.conditionalPut) return expect(service.capabilities.conditionalPut).toBe(false);
        const key = newKey();
        await service.put(key, bufferBody('first'), { ifAbsent: true });
        await expectCode(service.put(key, bufferBody('second'), { ifAbsent: true }), 'already_exists');
        expect(await readText(service, key)).toBe('first');
      });

      it('lets exactly one of many win', async () => {
        if (!service.capabilities.conditionalPut) return expect(service.capabilities.conditionalPut).toBe(false);
        const key = newKey();
        const puts = Array.from({ length: 6 }, (_, i) =>
          service.put(key, bufferBody(`writer ${i}`), { ifAbsent: true }).then(
            () => i,
            (error) => error,
          ),
        );
        const results = await Promise.all(puts);
        const winners = results.filter((result) => typeof result === 'number');
        expect(winners).toHaveLength(1);
        expect(results.filter((result) => StorageError.is(result, 'already_exists'))).toHaveLength(5);
        expect(await readText(service, key)).toBe(`writer ${winners[0]}`);
      });
    });

    describe('ranges', () => {
      const bytes = randomBytes(300_000);
      let key: string;

      beforeAll(async () => {
        key = newKey();
        await service.put(key, bufferBody(bytes));
      });

      it.each([
        [0, 1],
        [1000, 2000],
        [299_999, 300_000],
        [250_000, 900_000],
        [65_000, 265_000],
      ])('reads [%i, %i)', async (start, end) => {
        const reader = await service.get(key, { range: { start, end } });
        expect((await buffer(reader.body)).equals(bytes.subarray(start, end))).toBe(true);
        expect(reader.stat.sizeBytes).toBe(bytes.length);
      });

      it('reads from an offset to the end', async () => {
        const reader = await service.get(key, { range: { start: 299_000 } });
        expect((await buffer(reader.body)).equals(bytes.subarray(299_000))).toBe(true);
      });

      it.each([300_000, 300_001, 10_000_000])('refuses to start at %i of 300000', async (start) => {
        await expectCode(service.get(key, { range: { start, end: start + 10 } }), 'invalid_request');
      });

      it('refuses any range of an empty object', async () => {
        const empty = newKey();
        await service.put(empty, bufferBody(''));
        await expectCode(service.get(empty, { range: { start: 0, end: 1 } }), 'invalid_request');
      });
    });

    describe('reading', () => {
      it('says not_found for what is not there', async () => {
        await expectAbsent(service, newKey());
      });

      it('lets go of a body that nobody reads to the end', async () => {
        const key = newKey();
        await service.put(key, bufferBody(randomBytes(2_000_000)));
        for (let round = 0; round < 40; round += 1) {
          const { body } = await service.get(key);
          body.destroy();
          await closed(body);
        }
        expect((await service.stat(key)).sizeBytes).toBe(2_000_000);
      });

      it('ends a body with `aborted` when told to stop', async () => {
        const key = newKey();
        await service.put(key, bufferBody(randomBytes(4_000_000)));
        const abort = new AbortController();
        const { body } = await service.get(key, { signal: abort.signal });
        const reading = (async () => {
          for await (const _chunk of body) abort.abort();
        })();
        await expectCode(reading, 'aborted');
      });

      it('reads several parts of an object at the same time', async () => {
        const key = newKey();
        const bytes = randomBytes(400_000);
        await service.put(key, bufferBody(bytes));
        const starts = [0, 100_000, 200_000, 300_000];
        const parts = await Promise.all(
          starts.map(async (start) =>
            buffer((await service.get(key, { range: { start, end: start + 100_000 } })).body),
          ),
        );
        expect(Buffer.concat(parts).equals(bytes)).toBe(true);
      });
    });

    describe('delete', () => {
      it('removes the object from every view', async () => {
        const key = newKey();
        await service.put(key, bufferBody('x'));
        await service.delete(key);
        await expectAbsent(service, key);
        expect(await listAll(service, key)).toEqual([]);
      });

      it('finds an absent object fine', async () => {
        const key = newKey();
        await service.delete(key);
        await service.delete(key, { allVersions: true });
        await expectAbsent(service, key);
      });

      it('lets a key be used again', async () => {
        const key = newKey();
        await service.put(key, bufferBody('before'));
        await service.delete(key);
        await service.put(key, bufferBody('after'));
        expect(await readText(service, key)).toBe('after');
      });
    });

    describe('list', () => {
      const names = ['a-b', 'a.b', 'a/b', 'a/b-c', 'a/b/c', 'a0', 'b/1', 'b/10', 'b/2', 'c'];
      let folder: string;

      beforeAll(async () => {
        folder = `${prefix}/list-${randomUUID()}`;
        for (const name of names.toReversed()) await service.put(`${folder}/${name}`, bufferBody(`content of ${name}`));
      });

      const namesOf = (objects: ObjectStat[]) => objects.map(({ key }) => key.slice(folder.length + 1));

      it('gives keys in byte order, with sizes', async () => {
        const page = await service.list(`${folder}/`);
        expect(namesOf(page.objects)).toEqual(names);
        expect(page.objects[0]?.sizeBytes).toBe('content of a-b'.length);
        expect(page.nextCursor).toBeUndefined();
      });

      it.each([1, 2, 3, 7])('gives the same in pages of %i', async (limit) => {
        expect(namesOf(await listAll(service, `${folder}/`, limit))).toEqual(names);
      });

      it.each([
        ['a/', ['a/b', 'a/b-c', 'a/b/c']],
        ['a/b', ['a/b', 'a/b-c', 'a/b/c']],
        ['b/1', ['b/1', 'b/10']],
        ['c', ['c']],
        ['nothing', []],
        ['c/', []],
      ])('takes any beginning of a key as prefix: %s', async (part, expected) => {
        expect(namesOf(await listAll(service, `${folder}/${part}`, 2))).toEqual(expected);
      });
    });

    describe('signed URLs', () => {
      const bytes = randomBytes(200_000);
      let key: string;

      beforeAll(async () => {
        key = newKey();
        await service.put(key, bufferBody(bytes), { contentType: 'application/gzip' });
      });

      it('open the object without credentials, until the time they say', async () => {
        const before = Date.now();
        const { url, expiresAt } = await service.presignGet(key, { expiresInSeconds: 600 });
        const response = await harness.fetchSigned(url);
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toBe('application/gzip');
        expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
        expect(expiresAt.getTime()).toBeGreaterThan(before + 590_000);
        expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 601_000);
      });

      it('serve ranges', async () => {
        const { url } = await service.presignGet(key, { expiresInSeconds: 60 });
        const response = await harness.fetchSigned(url, { headers: { range: 'bytes=1000-1999' } });
        expect(response.status).toBe(206);
        expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(1000, 2000))).toBe(true);
      });

      it('suggest a file name', async () => {
        const { url } = await service.presignGet(key, { expiresInSeconds: 60, filename: '../é "chat".jsonl.gz' });
        const response = await harness.fetchSigned(url);
        await response.arrayBuffer();
        expect(response.status).toBe(200);
        const disposition = response.headers.get('content-disposition') ?? '';
        expect(disposition).toContain('attachment');
        expect(disposition).toContain('.jsonl.gz');
        expect(disposition).not.toContain('../');
      });

      it('open nothing when a letter of them is changed', async () => {
        const { url } = await service.presignGet(key, { expiresInSeconds: 60 });
        const other = newKey();
        await service.put(other, bufferBody('not for you'));
        const [path = '', query = ''] = url.split('?');
        for (const changed of [`${path.replace(key, other)}?${query}`, path, `${path}?${flipLetters(query)}`]) {
          const response = await harness.fetchSigned(changed);
          expect(response.status).toBeGreaterThanOrEqual(400);
          expect(await response.text()).not.toContain('not for you');
        }
      });

      it('open keys with every allowed character', async () => {
        const odd = `${prefix}/odd/a b+c=d&e@f$g,h;i:j!k'l(m)n*o?p.gz`;
        await service.put(odd, bufferBody('odd but fine'));
        expect(await readText(service, odd)).toBe('odd but fine');
        const { url } = await service.presignGet(odd, { expiresInSeconds: 60 });
        expect(await (await harness.fetchSigned(url)).text()).toBe('odd but fine');
        expect((await listAll(service, `${prefix}/odd/`)).map((object) => object.key)).toEqual([odd]);
        await service.delete(odd);
        await expectAbsent(service, odd);
      });
    });

    describe('versions', () => {
      it('are kept apart and removed together, where the store keeps them', async () => {
        if (!service.capabilities.versioning) return expect(service.capabilities.versioning).toBe(false);
        const key = newKey();
        const first = await service.put(key, bufferBody('one'));
        const second = await service.put(key, bufferBody('two'));
        expect(first.versionId).not.toBe(second.versionId);
        const old = await service.get(key, { versionId: first.versionId });
        expect((await buffer(old.body)).toString()).toBe('one');
        const { url } = await service.presignGet(key, { expiresInSeconds: 60, versionId: first.versionId });
        expect(await (await harness.fetchSigned(url)).text()).toBe('one');
        await service.delete(key);
        await expectAbsent(service, key);
        expect((await service.stat(key, { versionId: second.versionId })).sizeBytes).toBe(3);
        await service.delete(key, { allVersions: true });
        await expectCode(service.stat(key, { versionId: second.versionId }), 'not_found');
      });
    });

    describe('refusals', () => {
      const hostile = [
        '',
        '/',
        '/etc/passwd',
        '..',
        '../x',
        'a/../b',
        'a/./b',
        'a//b',
        'a/',
        'a\\b',
        'a\0b',
        'a\nb',
        'a~b',
        '~store.json',
        'ключ',
        'a%2e%2e/b',
        `a/${'x'.repeat(181)}`,
        'x/'.repeat(500).concat('y'),
      ];

      it.each(hostile)('refuses the key %j in every operation', async (key) => {
        await expectCode(service.put(key, bufferBody('x')), 'invalid_request');
        await expectCode(service.get(key), 'invalid_request');
        await expectCode(service.stat(key), 'invalid_request');
        await expectCode(service.delete(key), 'invalid_request');
        await expectCode(service.presignGet(key, { expiresInSeconds: 60 }), 'invalid_request');
      });

      it.each(['../', 'a/../', '/', 'a//', 'a\0'])('refuses the prefix %j', async (bad) => {
        await expectCode(service.list(bad), 'invalid_request');
      });
    });

    describe('the store itself', () => {
      it('answers a probe', async () => {
        await service.probe();
      });

      it('says bucket_not_found, never not_found, when the bucket is not there', async () => {
        const gone = harness.missingBucket;
        const key = newKey();
        await expectCode(gone.probe(), 'bucket_not_found');
        await expectCode(gone.put(key, bufferBody('x')), 'bucket_not_found');
        await expectCode(gone.get(key), 'bucket_not_found');
        await expectCode(gone.stat(key), 'bucket_not_found');
        await expectCode(gone.list(''), 'bucket_not_found');
        await expectCode(gone.delete(key), 'bucket_not_found');
      });
    });
  });
}

export async function listAll(service: StorageService, prefix: string, limit?: number): Promise<ObjectStat[]> {
  const all: ObjectStat[] = [];
  let cursor: string | undefined;
  do {
    const page = await service.list(prefix, { cursor, limit });
    all.push(...page.objects);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

export async function readText(service: StorageService, key: string): Promise<string> {
  return (await buffer((await service.get(key)).body)).toString();
}

/** The promise MUST reject with a StorageError of this code. */
export async function expectCode(work: Promise<unknown>, code: StorageErrorCode | 'any'): Promise<StorageError> {
  const outcome = await work.then(
    () => 'no error',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(StorageError);
  if (!(outcome instanceof StorageError)) throw outcome;
  if (code !== 'any') expect(outcome.code, outcome.message).toBe(code);
  return outcome;
}

async function expectAbsent(service: StorageService, key: string): Promise<void> {
  await expectCode(service.stat(key), 'not_found');
  await expectCode(service.get(key), 'not_found');
  expect(await listAll(service, key)).toEqual([]);
}

/** A body that fails after some of its bytes, as a spool on a dying disk does. */
function brokenBody(sizeBytes: number, failsAfter: number): ReplayableBody {
  return {
    sizeBytes,
    open: () =>
      Readable.from(
        (async function* () {
          yield randomBytes(failsAfter);
          throw Object.assign(new Error('the disk is dying'), { code: 'EIO' });
        })(),
      ),
  };
}

/** A body that stands still after some of its bytes, and says so. */
function stallingBody(sizeBytes: number, stallsAfter: number, onStall: () => void): ReplayableBody {
  return {
    sizeBytes,
    open: () => {
      let given = false;
      return new Readable({
        read() {
          if (given) return onStall();
          given = true;
          this.push(randomBytes(stallsAfter));
        },
      });
    },
  };
}

function flipLetters(query: string): string {
  const last = query.at(-1) ?? '';
  return `${query.slice(0, -4)}${query.slice(-4, -1).split('').reverse().join('')}${last === 'a' ? 'b' : 'a'}`;
}

function closed(stream: Readable): Promise<void> {
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()));
}
