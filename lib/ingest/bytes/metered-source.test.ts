import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { inChunks } from '@/tests/support/chunks.ts';
import { MeteredSource } from './metered-source.ts';

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251));

async function read(sizes: readonly number[]) {
  const meter = new MeteredSource(inChunks(bytes, sizes), {});
  const chunks: Uint8Array[] = [];
  for await (const chunk of meter) chunks.push(chunk);
  return { chunks, result: meter.result() };
}

it.each([[[1]], [[3, 17]], [[1, 70_000]], [[5000, 1, 1]], [[65_536]]])(
  'gives the same bytes in few chunks, however they arrive (%j)',
  async (sizes) => {
    const { chunks, result } = await read(sizes);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    expect(result).toEqual({ sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    expect(chunks.length).toBeLessThanOrEqual(2 * Math.ceil(bytes.length / 4096));
  },
);

it('puts single bytes together', async () => {
  const { chunks } = await read([1]);
  expect(chunks.map(({ byteLength }) => byteLength)).toEqual([65_536, 65_536, 65_536, 3392]);
});
