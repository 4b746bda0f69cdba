import { randomBytes, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStat } from '@/lib/storage/storage-service.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { type ContractBench, closed, expectAbsent, expectCode, listAll } from './storage-bench.ts';

/** Getting, ranges, listings, versions. */
export function describeReading(bench: ContractBench): void {
  describe('ranges', () => {
    const bytes = randomBytes(300_000);
    let key: string;

    beforeAll(async () => {
      key = bench.newKey();
      await bench.service.put(key, bufferBody(bytes));
    });

    it.each([
      [0, 1],
      [1000, 2000],
      [299_999, 300_000],
      [250_000, 900_000],
      [65_000, 265_000],
    ])('reads [%i, %i)', async (start, end) => {
      const reader = await bench.service.get(key, { range: { start, end } });
      expect((await buffer(reader.body)).equals(bytes.subarray(start, end))).toBe(true);
      expect(reader.stat.sizeBytes).toBe(bytes.length);
    });

    it('reads from an offset to the end', async () => {
      const reader = await bench.service.get(key, { range: { start: 299_000 } });
      expect((await buffer(reader.body)).equals(bytes.subarray(299_000))).toBe(true);
    });

    it.each([300_000, 300_001, 10_000_000])('refuses to start at %i of 300000', async (start) => {
      await expectCode(bench.service.get(key, { range: { start, end: start + 10 } }), 'invalid_request');
    });

    it('refuses any range of an empty object', async () => {
      const empty = bench.newKey();
      await bench.service.put(empty, bufferBody(''));
      await expectCode(bench.service.get(empty, { range: { start: 0, end: 1 } }), 'invalid_request');
    });
  });

  describe('reading', () => {
    it('says not_found for what is not there', async () => {
      await expectAbsent(bench.service, bench.newKey());
    });

    it('lets go of a body that nobody reads to the end', async () => {
      const key = bench.newKey();
      await bench.service.put(key, bufferBody(randomBytes(2_000_000)));
      for (let round = 0; round < 40; round += 1) {
        const { body } = await bench.service.get(key);
        body.destroy();
        await closed(body);
      }
      expect((await bench.service.stat(key)).sizeBytes).toBe(2_000_000);
    });

    it('ends a body with `aborted` when told to stop', async () => {
      const key = bench.newKey();
      await bench.service.put(key, bufferBody(randomBytes(4_000_000)));
      const abort = new AbortController();
      const { body } = await bench.service.get(key, { signal: abort.signal });
      const reading = (async () => {
        for await (const _chunk of body) abort.abort();
      })();
      await expectCode(reading, 'aborted');
    });

    it('reads several parts of an object at the same time', async () => {
      const key = bench.newKey();
      const bytes = randomBytes(400_000);
      await bench.service.put(key, bufferBody(bytes));
      const starts = [0, 100_000, 200_000, 300_000];
      const parts = await Promise.all(
        starts.map(async (start) =>
          buffer((await bench.service.get(key, { range: { start, end: start + 100_000 } })).body),
        ),
      );
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    });
  });

  describe('list', () => {
    const names = ['a-b', 'a.b', 'a/b', 'a/b-c', 'a/b/c', 'a0', 'b/1', 'b/10', 'b/2', 'c'];
    let folder: string;

    beforeAll(async () => {
      folder = `${bench.prefix}/list-${randomUUID()}`;
      for (const name of names.toReversed())
        await bench.service.put(`${folder}/${name}`, bufferBody(`content of ${name}`));
    });

    const namesOf = (objects: ObjectStat[]) => objects.map(({ key }) => key.slice(folder.length + 1));

    it('gives keys in byte order, with sizes', async () => {
      const page = await bench.service.list(`${folder}/`);
      expect(namesOf(page.objects)).toEqual(names);
      expect(page.objects[0]?.sizeBytes).toBe('content of a-b'.length);
      expect(page.nextCursor).toBeUndefined();
    });

    it.each([1, 2, 3, 7])('gives the same in pages of %i', async (limit) => {
      expect(namesOf(await listAll(bench.service, `${folder}/`, limit))).toEqual(names);
    });

    it.each([
      ['a/', ['a/b', 'a/b-c', 'a/b/c']],
      ['a/b', ['a/b', 'a/b-c', 'a/b/c']],
      ['b/1', ['b/1', 'b/10']],
      ['c', ['c']],
      ['nothing', []],
      ['c/', []],
    ])('takes any beginning of a key as prefix: %s', async (part, expected) => {
      expect(namesOf(await listAll(bench.service, `${folder}/${part}`, 2))).toEqual(expected);
    });
  });

  describe('versions', () => {
    it('are kept apart and removed together, where the store keeps them', async () => {
      if (!bench.service.capabilities.versioning) return expect(bench.service.capabilities.versioning).toBe(false);
      const key = bench.newKey();
      const first = await bench.service.put(key, bufferBody('one'));
      const second = await bench.service.put(key, bufferBody('two'));
      expect(first.versionId).not.toBe(second.versionId);
      const old = await bench.service.get(key, { versionId: first.versionId });
      expect((await buffer(old.body)).toString()).toBe('one');
      const { url } = await bench.service.presignGet(key, { expiresInSeconds: 60, versionId: first.versionId });
      expect(await (await bench.harness.fetchSigned(url)).text()).toBe('one');
      await bench.service.delete(key);
      await expectAbsent(bench.service, key);
      expect((await bench.service.stat(key, { versionId: second.versionId })).sizeBytes).toBe(3);
      await bench.service.delete(key, { allVersions: true });
      await expectCode(bench.service.stat(key, { versionId: second.versionId }), 'not_found');
    });
  });
}
