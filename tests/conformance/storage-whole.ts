import { createHash, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { bufferBody, hashedBody } from '@/lib/streams/replayable-body.ts';
import { type ContractBench, expectAbsent, expectCode } from './storage-bench.ts';

/** Objects in one piece: `read`, and bodies that are in memory already. */
export function describeWhole(bench: ContractBench): void {
  describe('objects in one piece', () => {
    const bytes = randomBytes(300_000);
    const metadata = { 'dataset-id': 'd-1' };
    let key: string;

    beforeAll(async () => {
      key = bench.newKey();
      await bench.service.put(key, bufferBody(bytes), { contentType: 'application/gzip', metadata });
    });

    it('are read with their facts, up to the size that is allowed', async () => {
      const seen: number[] = [];
      const onProgress = (received: number) => seen.push(received);
      const found = await bench.service.read(key, { maxBytes: bytes.length, onProgress });
      expect(found.bytes.equals(bytes)).toBe(true);
      expect(found.stat).toMatchObject({ key, sizeBytes: bytes.length, contentType: 'application/gzip', metadata });
      expect(seen.at(-1)).toBe(bytes.length);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    });

    it.each([
      [0, 1],
      [1000, 2000],
      [299_999, 300_000],
      [250_000, 900_000],
    ])('are read in part: [%i, %i)', async (start, end) => {
      const found = await bench.service.read(key, { range: { start, end }, maxBytes: 100_000 });
      expect(found.bytes.equals(bytes.subarray(start, end))).toBe(true);
      expect(found.stat.sizeBytes).toBe(bytes.length);
    });

    it.each([0, 1, 299_999])('are not read when they are larger than %i bytes', async (maxBytes) => {
      await expectCode(bench.service.read(key, { maxBytes }), 'too_large');
    });

    it('are read when they are empty', async () => {
      const empty = bench.newKey();
      await bench.service.put(empty, bufferBody(''));
      expect((await bench.service.read(empty, { maxBytes: 0 })).bytes.length).toBe(0);
    });

    it('are refused as by `get`', async () => {
      const { service, harness } = bench;
      const maxBytes = 1000;
      await expectCode(service.read(bench.newKey(), { maxBytes }), 'not_found');
      await expectCode(harness.missingBucket.read(key, { maxBytes }), 'bucket_not_found');
      await expectCode(service.read('../x', { maxBytes }), 'invalid_request');
      await expectCode(service.read(key, { maxBytes, range: { start: 300_000, end: 300_010 } }), 'invalid_request');
      await expectCode(service.read(key, { maxBytes, signal: AbortSignal.abort() }), 'aborted');
    });

    it.each([0, 1, 300_000, 5 * 1024 * 1024 + 3])('are put from memory: %i bytes', async (size) => {
      const own = bench.newKey();
      const held = randomBytes(size);
      const body = hashedBody(held, createHash('sha256').update(held).digest('hex'));
      expect(await bench.service.put(own, body)).toMatchObject({ key: own, sizeBytes: size });
      expect((await bench.service.read(own, { maxBytes: size })).bytes.equals(held)).toBe(true);
    });

    it('leave nothing when they are not what their hash says', async () => {
      // Supabase compares nothing on arrival: who puts such a body there reads it back.
      if (bench.service.provider === 'supabase') return expect(bench.service.capabilities.conditionalPut).toBe(false);
      const own = bench.newKey();
      await expectCode(bench.service.put(own, hashedBody(bytes, 'ab'.repeat(32))), 'corrupt');
      await expectAbsent(bench.service, own);
    });
  });
}
