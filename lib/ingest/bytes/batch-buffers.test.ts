import { describe, expect, it } from 'vitest';
import { BatchBuffers, GrowingBuffer } from './batch-buffers.ts';

const bytes = (count: number) => new Uint8Array(count).fill(7);

describe('a growing buffer', () => {
  it('hands small content over in memory of its own size, and uses its buffer again', () => {
    const buffers = new BatchBuffers(1000, 2);
    const growing = new GrowingBuffer(buffers);
    for (const size of [1, 249, 100]) {
      growing.append(bytes(size), 0, size);
      const content = growing.detach();
      expect([content.byteLength, content.buffer.byteLength]).toEqual([size, size]);
      expect(content).toEqual(bytes(size));
    }
    expect(buffers.made).toBe(1);
  });

  it('hands larger content over without a copy', () => {
    const buffers = new BatchBuffers(1000, 2);
    const growing = new GrowingBuffer(buffers);
    for (let batch = 1; batch <= 3; batch++) {
      growing.append(bytes(250), 0, 250);
      expect(growing.detach().buffer.byteLength).toBe(1000);
      expect(buffers.made).toBe(batch);
    }
  });

  it('does not keep the memory of a large record for small ones', () => {
    const growing = new GrowingBuffer(new BatchBuffers(1000, 2));
    growing.append(bytes(50_000), 0, 50_000);
    growing.length = 10;
    expect(growing.detach().buffer.byteLength).toBe(10);
    growing.append(bytes(10), 0, 10);
    expect(growing.bytes.byteLength).toBe(1000);
  });
});
