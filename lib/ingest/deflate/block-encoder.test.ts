import { execFileSync } from 'node:child_process';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { FINAL_BLOCK, GZIP_HEADER, GzipChecksum } from '@/lib/ingest/output/gzip-member.ts';
import { BlockEncoder, type EncoderModule, OWN_LEVEL, openEncoder } from './block-encoder.ts';

let module: EncoderModule;
let encoder: BlockEncoder;

beforeAll(() => {
  module = openEncoder();
  encoder = new BlockEncoder(module);
});

const deflate = (content: Uint8Array) => encoder.deflate(content, OWN_LEVEL).slice();

/** Node's zlib must take the piece alone, to its last byte. */
function inflateAlone(piece: Uint8Array): Buffer {
  const { buffer, engine } = inflateRawSync(Buffer.concat([piece, Uint8Array.from(FINAL_BLOCK)]), {
    info: true,
  }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
  expect(engine.bytesWritten).toBe(piece.byteLength + FINAL_BLOCK.length);
  return buffer;
}

function expectFaithful(content: Uint8Array): void {
  const piece = deflate(content);
  expect(Buffer.from(piece.subarray(-4)).toString('hex')).toBe('0000ffff');
  expect(Buffer.compare(inflateAlone(piece), content)).toBe(0);
  // Stored blocks: 5 bytes each, and one that is empty at the end of every piece.
  expect(piece.byteLength).toBeLessThanOrEqual(content.byteLength + 5 * (Math.ceil(content.byteLength / 32_000) + 2));
}

/** Bytes that depend on nothing but the seed, from an alphabet of `letters`. */
function noise(size: number, letters = 256, seed = 1): Buffer {
  let state = seed >>> 0;
  return Buffer.from(
    Uint8Array.from({ length: size }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 12) % letters;
    }),
  );
}

const FOX = 'the quick brown fox jumps over the lazy dog; ';

/** What ends, begins or repeats at a limit of the format or of the encoder. */
const EDGES: Record<string, Buffer> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from([0]),
  'all bytes once': Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  'one byte a million times': Buffer.alloc(1 << 20, 7),
  'noise of a million bytes': noise(1 << 20),
  'two letters of noise': noise(300_000, 2),
  'noise, then text, then noise': Buffer.concat([noise(70_000), Buffer.from(FOX.repeat(2000)), noise(70_000, 256, 2)]),
  'more tokens than a block holds': noise(100_000, 90),
  'as much as the encoder takes at once': Buffer.from(FOX.repeat(30_000)).subarray(0, 1 << 20),
  'a byte more': Buffer.from(FOX.repeat(30_000)).subarray(0, (1 << 20) + 1),
  'three pieces': Buffer.concat([noise(1 << 20, 100), Buffer.from(FOX.repeat(30_000)), noise(5)]),
};
for (const size of [15, 16, 17, 24, 25]) EDGES[`${size} bytes`] = Buffer.alloc(size, 'ab');
for (const length of [3, 4, 15, 16, 17, 31, 32, 63, 64, 65, 257, 258, 259, 516, 517]) {
  const text = noise(length, 256, length);
  EDGES[`a match of ${length} bytes`] = Buffer.concat([text, noise(50, 256, 5), text, noise(50, 256, 6)]);
}
for (const distance of [1, 2, 3, 4, 5, 255, 256, 257, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 98_304]) {
  const text = Buffer.from('a passage that is met again at a given distance');
  const between = noise(Math.max(0, distance - text.length), 256, distance);
  EDGES[`a distance of ${distance}`] = Buffer.concat([text, between, text, noise(40)]);
  EDGES[`a period of ${distance}`] = Buffer.alloc(200_000, noise(distance, 200, distance));
}

describe('the deflate encoder', () => {
  it.each(Object.entries(EDGES))('gives back %s', (_name, content) => {
    expectFaithful(content);
  });

  it('gives back whatever it is given, from any place in shared memory or not', () => {
    const letters = fc.constantFrom(
      'a',
      'b',
      '"',
      '\\n',
      ' the',
      '{"role":"user","content":"',
      '\u65e5\u672c',
      '0123456789',
    );
    const text = fc.array(letters, { maxLength: 3000 }).map((parts) => Buffer.from(parts.join('')));
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 2000 }).map((part) => Buffer.from(part));
    const piece = fc.oneof(
      text,
      bytes,
      fc.tuple(bytes, fc.nat(300)).map(([part, n]) => Buffer.alloc(n * 40, part)),
    );
    const content = fc.array(piece, { maxLength: 6 }).map((parts) => Buffer.concat([...parts, ...parts]));
    fc.assert(
      fc.property(content, fc.nat(9), fc.boolean(), (wanted, offset, shared) => {
        const memory = shared ? new SharedArrayBuffer(wanted.length + 9) : new ArrayBuffer(wanted.length + 9);
        const placed = new Uint8Array(memory, offset, wanted.length);
        placed.set(wanted);
        expectFaithful(placed);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same bytes for the same content, whatever came before and wherever it lies', () => {
    const content = Buffer.concat([Buffer.from(FOX.repeat(3000)), noise(50_000, 60)]);
    const first = deflate(content);
    for (const before of Object.values(EDGES)) deflate(before);
    const moved = new Uint8Array(content.length + 3);
    moved.set(content, 3);
    expect(deflate(moved.subarray(3))).toEqual(first);
    expect(new BlockEncoder(openEncoder()).deflate(content, OWN_LEVEL)).toEqual(first);
  });

  it('compresses text about as well as zlib', () => {
    const words = Array.from({ length: 2000 }, (_, i) => noise(3 + (i % 8), 20, i + 1).map((letter) => letter + 97));
    const picks = noise(150_000, 256, 3);
    const text = Buffer.concat(
      Array.from({ length: 70_000 }, (_, i) => {
        const rank = Math.floor((((picks[2 * i] ?? 0) * 256 + (picks[2 * i + 1] ?? 0)) / 65_536) ** 3 * words.length);
        return Buffer.concat([words[rank] ?? Buffer.alloc(0), Buffer.from(' ')]);
      }),
    );
    const zlib = new BlockEncoder(undefined).deflate(text, 6);
    expect(deflate(text).byteLength).toBeLessThan(zlib.byteLength * 1.02);
  });

  it('leaves every other level, and machines that cannot run it, to zlib', () => {
    const content = Buffer.from(FOX.repeat(100));
    expect(inflateAlone(encoder.deflate(content, 9))).toEqual(content);
    expect(inflateAlone(new BlockEncoder(undefined).deflate(content, OWN_LEVEL))).toEqual(content);
  });

  it('is read by Python and by zcat, several pieces as one member', () => {
    const contents = Object.values(EDGES);
    const checksum = new GzipChecksum();
    for (const content of contents) checksum.update(content);
    const member = Buffer.concat([GZIP_HEADER, ...contents.map(deflate), checksum.end()]);
    const whole = Buffer.concat(contents);
    const options = { input: member, maxBuffer: 2 * whole.byteLength };
    const script = 'import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))';
    expect(Buffer.compare(execFileSync('python3', ['-c', script], options), whole)).toBe(0);
    expect(Buffer.compare(execFileSync('zcat', options), whole)).toBe(0);
  });

  it('refuses a call that would read or write outside of its memory', () => {
    const [input, limit] = [module.inputAt(), module.inputLimit()];
    expect(module.deflate(input, limit)).toBeGreaterThan(0);
    for (const [at, size] of [
      [input, limit + 1],
      [input + 1, limit],
      [input - 1, 10],
      [input + limit + 1, 0],
      [-8, 16],
      [input, -1],
      [2 ** 31, 10],
    ] as const) {
      expect(() => module.deflate(at, size)).toThrow(WebAssembly.RuntimeError);
    }
    expect(() => module.lengthsFor(287, 15)).toThrow(WebAssembly.RuntimeError);
    expectFaithful(Buffer.from(FOX));
  });

  it('ends at the limit when the limit is filled with what does not compress', () => {
    const content = noise(module.inputLimit());
    new Uint8Array(module.memory.buffer).set(content, module.inputAt());
    const size = module.deflate(module.inputAt(), content.byteLength);
    const piece = new Uint8Array(module.memory.buffer).slice(module.outputAt(), module.outputAt() + size);
    expect(Buffer.compare(inflateAlone(piece), content)).toBe(0);
  });
});

describe('codes of limited length', () => {
  function lengthsFor(frequencies: readonly number[], maxBits: number): number[] {
    new Uint32Array(module.memory.buffer, module.frequenciesAt(), frequencies.length).set(frequencies);
    const at = module.lengthsFor(frequencies.length, maxBits);
    return [...new Uint8Array(module.memory.buffer, at, frequencies.length)];
  }

  /** A full code: every sequence of bits means something, which inflaters insist on. */
  function expectFullCode(frequencies: readonly number[], maxBits: number): void {
    const lengths = lengthsFor(frequencies, maxBits);
    const used = lengths.filter((length) => length > 0);
    expect(used.length).toBe(frequencies.filter((frequency) => frequency > 0).length);
    expect(Math.max(...used)).toBeLessThanOrEqual(maxBits);
    expect(used.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
    const byFrequency = frequencies.map((frequency, i) => ({ frequency, length: lengths[i] ?? 0 }));
    const sorted = byFrequency.filter(({ frequency }) => frequency > 0).sort((a, b) => a.length - b.length);
    for (const [i, entry] of sorted.entries()) {
      const shorter = sorted[i - 1];
      if (shorter && shorter.length < entry.length) expect(shorter.frequency).toBeGreaterThanOrEqual(entry.frequency);
    }
  }

  const fibonacci = (count: number) => {
    const numbers = [1, 1];
    while (numbers.length < count) numbers.push((numbers.at(-1) ?? 0) + (numbers.at(-2) ?? 0));
    return numbers;
  };

  it.each([
    [7, 19],
    [15, 30],
    [15, 18],
    [15, 17],
    [15, 16],
    [7, 9],
    [7, 8],
  ])('keep to %i bits for the %i frequencies that make the deepest tree', (maxBits, count) => {
    expectFullCode(fibonacci(count), maxBits);
    expectFullCode(fibonacci(count).reverse(), maxBits);
  });

  it('are full for any frequencies', () => {
    const frequency = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(20_000),
      fc.nat(20).map((n) => 2 ** n),
    );
    fc.assert(
      fc.property(
        fc.array(frequency, { minLength: 2, maxLength: 286 }),
        fc.constantFrom(9, 10, 15),
        (given, maxBits) => {
          const sum = given.reduce((a, b) => a + b, 0);
          fc.pre(given.filter((f) => f > 0).length >= 2 && sum < 2 ** 23);
          expectFullCode(given, maxBits);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('give one symbol one bit, and none to speak of also', () => {
    expect(lengthsFor([0, 0, 9, 0], 15)).toEqual([0, 0, 1, 0]);
    expect(lengthsFor([0, 0, 0, 0], 15)).toEqual([1, 0, 0, 0]);
  });

  it('are used for text whose letters have such frequencies', () => {
    const letters = fibonacci(22).flatMap((count, letter) => Array.from({ length: count }, () => letter));
    const order = noise(letters.length * 3, 256, 9);
    const key = (i: number) => ((order[3 * i] ?? 0) << 16) | ((order[3 * i + 1] ?? 0) << 8) | (order[3 * i + 2] ?? 0);
    const shuffled = letters.map((letter, i) => [key(i), letter] as const).sort(([a], [b]) => a - b);
    expectFaithful(Buffer.from(shuffled.map(([, letter]) => letter)));
  });
});
