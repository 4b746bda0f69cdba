import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestObject, digestStream, verifyDigest } from './digest.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

const content = Buffer.from('{"a":1}\n{"a":2}\n'.repeat(3000));
const object = Buffer.concat([gzipSync(content.subarray(0, 16_000)), gzipSync(content.subarray(16_000))]);

describe('digests of streams', () => {
  it('counts and hashes', async () => {
    expect(await digestStream(chunked(content, 700))).toEqual({ sizeBytes: content.length, sha256: sha256(content) });
  });

  it.each([1, 2, 7, 4096, 1 << 20])('reads an object of several members in chunks of %i', async (size) => {
    expect(await digestObject(chunked(object, size))).toEqual({
      object: { sizeBytes: object.length, sha256: sha256(object) },
      content: { sizeBytes: content.length, sha256: sha256(content) },
      records: 6000,
    });
  });

  it('tells both digests when a copy differs', async () => {
    const expected = { sizeBytes: content.length, sha256: sha256(content) };
    await verifyDigest(chunked(content, 99), expected);
    await expect(verifyDigest(chunked(content.subarray(1), 99), expected)).rejects.toMatchObject({
      code: 'digest_mismatch',
      details: { expected, found: { sizeBytes: content.length - 1 } },
    });
  });

  it('passes an error of the stream on unchanged', async () => {
    const lost = new Error('connection lost');
    async function* broken() {
      yield object.subarray(0, 50);
      throw lost;
    }
    await expect(digestObject(broken())).rejects.toBe(lost);
  });
});

describe('damage of a gzip stream', () => {
  const small = gzipSync(Buffer.from('{"text":"a small dataset with few records"}\n'.repeat(40)));
  const damage: [string, Uint8Array, string][] = [
    ['a cut trailer', small.subarray(0, -3), 'gzip_truncated'],
    ['cut data', small.subarray(0, 30), 'gzip_truncated'],
    ['a cut header', small.subarray(0, 6), 'gzip_truncated'],
    ['appended text', Buffer.concat([small, Buffer.from('hello')]), 'gzip_trailing_garbage'],
    ['a zero and then text', Buffer.concat([small, Buffer.from('\0hello')]), 'gzip_trailing_garbage'],
    ['a wrong CRC', flipped(small, (small.length - 8) * 8), 'gzip_crc_mismatch'],
    ['a wrong length', flipped(small, (small.length - 4) * 8), 'gzip_length_mismatch'],
  ];
  it.each(damage)('names %s', async (_name, bytes, code) => {
    for (const size of [1, 5, bytes.length]) {
      await expect(digestObject(chunked(bytes, size))).rejects.toMatchObject({ code });
    }
  });

  it('accepts zero padding', async () => {
    const padded = Buffer.concat([small, Buffer.alloc(700)]);
    expect((await digestObject(chunked(padded, 100))).records).toBe(40);
  });

  it('refuses every truncation and every bit flip that matters', async () => {
    const original = await digestObject(chunked(small, 64));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: small.length * 8 - 1 }), async (bit) => {
        const outcome = await digestObject(chunked(flipped(small, bit), 13)).catch((error) => error.code);
        // Header fields such as mtime and the operating system carry no data: a flip there leaves the content intact.
        if (typeof outcome === 'object') expect(outcome.content).toEqual(original.content);
        else expect(outcome).toMatch(/^gzip_/);
      }),
      { numRuns: 300 },
    );
    for (let end = 0; end < small.length; end += 3) {
      await expect(digestObject(chunked(small.subarray(0, end), 16))).rejects.toMatchObject({ code: 'gzip_truncated' });
    }
  });
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
