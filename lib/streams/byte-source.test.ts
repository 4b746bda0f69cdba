import { expect, it } from 'vitest';
import { inChunks } from '@/tests/support/chunks.ts';
import { ByteSource } from './byte-source.ts';

const bytes = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 251));

it.each([[1], [7], [999], [5000]])('looks ahead without consuming, in chunks of %d', async (size) => {
  const source = new ByteSource(inChunks(bytes, [size]));
  for (const wanted of [1, 10, 1000, 2999]) {
    const head = await source.peek(wanted);
    expect(head.byteLength).toBeGreaterThanOrEqual(wanted);
    expect(bytes.subarray(0, head.byteLength).equals(head)).toBe(true);
  }
  expect(Buffer.from((await source.take(20)) ?? []).equals(bytes.subarray(0, 20))).toBe(true);
  expect((await source.peek(9000)).byteLength).toBe(2980);
  const rest: Uint8Array[] = [];
  for await (const chunk of source) rest.push(chunk);
  expect(Buffer.concat(rest).equals(bytes.subarray(20))).toBe(true);
  expect([(await source.peek(5)).byteLength, await source.take(1)]).toEqual([0, undefined]);
});

it('holds what it looked at once, not chunk by chunk', async () => {
  const source = new ByteSource(inChunks(bytes, [1]));
  const head = await source.peek(2000);
  expect(head.byteLength).toBe(2000);
  expect(head.buffer.byteLength).toBeLessThan(2 * 2000 + 100);
});
