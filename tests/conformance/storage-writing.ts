import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { bufferBody, readableOf } from '@/lib/streams/replayable-body.ts';
import {
  brokenBody,
  type ContractBench,
  expectAbsent,
  expectCode,
  listAll,
  readText,
  stallingBody,
} from './storage-bench.ts';

/** Putting, conditions, deleting. */
export function describeWriting(bench: ContractBench): void {
  describe('put and get', () => {
    it.each([0, 1, 65_537, 300_000, 5 * 1024 * 1024 + 3])('keeps %i bytes exactly', async (size) => {
      const key = bench.newKey();
      const bytes = randomBytes(size);
      const stored = await bench.service.put(key, bufferBody(bytes));
      expect(stored).toMatchObject({ key, sizeBytes: size });
      const reader = await bench.service.get(key);
      expect(reader.stat).toMatchObject({ key, sizeBytes: size });
      expect((await buffer(reader.body)).equals(bytes)).toBe(true);
    });

    it('keeps content type and metadata', async () => {
      const key = bench.newKey();
      const metadata = { 'dataset-id': 'd-1', sha256: 'ab'.repeat(32), note: 'a "quoted", 100% plain = value; x' };
      await bench.service.put(key, bufferBody('text'), { contentType: 'application/gzip', metadata });
      expect(await bench.service.stat(key)).toMatchObject({ contentType: 'application/gzip', metadata });
      const reader = await bench.service.get(key);
      reader.body.destroy();
      expect(reader.stat).toMatchObject({ contentType: 'application/gzip', metadata });
    });

    it('replaces bytes and metadata together', async () => {
      const key = bench.newKey();
      await bench.service.put(key, bufferBody('first, and longer'), { metadata: { turn: '1', old: 'yes' } });
      await bench.service.put(key, bufferBody('second'), { metadata: { turn: '2' } });
      const reader = await bench.service.get(key);
      expect((await buffer(reader.body)).toString()).toBe('second');
      expect(reader.stat.metadata).toEqual({ turn: '2' });
    });

    it('says how far a put has come', async () => {
      const seen: number[] = [];
      const size = 700_000;
      await bench.service.put(bench.newKey(), bufferBody(randomBytes(size)), { onProgress: (sent) => seen.push(sent) });
      expect(seen.at(-1)).toBe(size);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    });

    it('keeps an object readable while another put fails', async () => {
      const key = bench.newKey();
      await bench.service.put(key, bufferBody('the good one'));
      await expectCode(bench.service.put(key, brokenBody(400_000, 200_000)), 'any');
      expect(await readText(bench.service, key)).toBe('the good one');
    });

    it('leaves nothing of a put whose body breaks', async () => {
      const key = bench.newKey();
      await expectCode(bench.service.put(key, brokenBody(400_000, 200_000)), 'any');
      await expectAbsent(bench.service, key);
    });

    it.each([-10, 10])('refuses a body whose size is announced wrong by %i', async (difference) => {
      const key = bench.newKey();
      const bytes = randomBytes(100_000);
      const lying = { sizeBytes: bytes.length + difference, open: () => readableOf(bytes) };
      await expectCode(bench.service.put(key, lying), 'any');
      await expectAbsent(bench.service, key);
    });

    it('stops a put when told to, and leaves nothing', async () => {
      const key = bench.newKey();
      const abort = new AbortController();
      const body = stallingBody(600_000, 300_000, () => abort.abort());
      await expectCode(bench.service.put(key, body, { signal: abort.signal }), 'aborted');
      await expectAbsent(bench.service, key);
    });

    it('does not begin a put that was stopped before', async () => {
      const key = bench.newKey();
      await expectCode(bench.service.put(key, bufferBody('x'), { signal: AbortSignal.abort() }), 'aborted');
      await expectAbsent(bench.service, key);
    });
  });

  describe('ifAbsent', () => {
    it('refuses a taken key and keeps what is there', async () => {
      if (!bench.service.capabilities.conditionalPut)
        return expect(bench.service.capabilities.conditionalPut).toBe(false);
      const key = bench.newKey();
      await bench.service.put(key, bufferBody('first'), { ifAbsent: true });
      await expectCode(bench.service.put(key, bufferBody('second'), { ifAbsent: true }), 'already_exists');
      expect(await readText(bench.service, key)).toBe('first');
    });

    it('lets exactly one of many win', async () => {
      if (!bench.service.capabilities.conditionalPut)
        return expect(bench.service.capabilities.conditionalPut).toBe(false);
      const key = bench.newKey();
      const puts = Array.from({ length: 6 }, (_, i) =>
        bench.service.put(key, bufferBody(`writer ${i}`), { ifAbsent: true }).then(
          () => i,
          (error) => error,
        ),
      );
      const results = await Promise.all(puts);
      const winners = results.filter((result) => typeof result === 'number');
      expect(winners).toHaveLength(1);
      expect(results.filter((result) => StorageError.is(result, 'already_exists'))).toHaveLength(5);
      expect(await readText(bench.service, key)).toBe(`writer ${winners[0]}`);
    });
  });

  describe('delete', () => {
    it('removes the object from every view', async () => {
      const key = bench.newKey();
      await bench.service.put(key, bufferBody('x'));
      await bench.service.delete(key);
      await expectAbsent(bench.service, key);
      expect(await listAll(bench.service, key)).toEqual([]);
    });

    it('finds an absent object fine', async () => {
      const key = bench.newKey();
      await bench.service.delete(key);
      await bench.service.delete(key, { allVersions: true });
      await expectAbsent(bench.service, key);
    });

    it('lets a key be used again', async () => {
      const key = bench.newKey();
      await bench.service.put(key, bufferBody('before'));
      await bench.service.delete(key);
      await bench.service.put(key, bufferBody('after'));
      expect(await readText(bench.service, key)).toBe('after');
    });
  });
}
