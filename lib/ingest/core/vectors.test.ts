import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashBytes } from './hash.ts';
import { createVectors } from './vectors.ts';
import { Workspace } from './workspace.ts';

const vectors = createVectors();
if (vectors === undefined) throw new Error('this machine has no vector instructions');

function isStop(byte: number, before: number): boolean {
  if (byte < 0x20 || byte >= 0x80) return true;
  const character = String.fromCharCode(byte);
  return '"\\<[{'.includes(character) || (character === ':' && 'mrt'.includes(String.fromCharCode(before)));
}

it('finds a stop after every byte exactly where one is', () => {
  const bytes = new Uint8Array(2 * 256 * 256);
  for (let pair = 0; pair < 256 * 256; pair++) bytes.set([pair >> 8, pair & 255], pair * 2);
  for (const shift of [0, 1]) {
    const input = bytes.subarray(shift);
    const words = vectors.findStops(input);
    const wrong = [...input].findIndex((byte, at) => {
      const found = (((words[at >> 5] ?? 0) >>> (at & 31)) & 1) === 1;
      return found !== isStop(byte, at === 0 ? 0 : (input[at - 1] ?? 0));
    });
    expect(wrong).toBe(-1);
    expect(words.at(-1)).toBe(-1);
  }
});

it('does not remember the input before', () => {
  vectors.findStops(new Uint8Array(100).fill(0x22));
  expect(vectors.findStops(new TextEncoder().encode('plain'))[0]).toBe(~31);
});

const lines = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });

it('hashes records as they are hashed one by one', () => {
  fc.assert(
    fc.property(lines, (records) => {
      const bytes = Buffer.concat(records.map((record) => Buffer.from([...record, 10])));
      const starts = Int32Array.from(records.keys(), (i) =>
        records.slice(0, i).reduce((sum, r) => sum + r.length + 1, 0),
      );
      const hashes = new Float64Array(records.length);
      vectors.hashRecords(bytes, starts, hashes);
      const expected = records.map((record) => {
        const padded = Uint8Array.from([...record, 0, 0, 0, 0]);
        return hashBytes(new DataView(padded.buffer), 0, record.length);
      });
      expect([...hashes]).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

it('hashes output the same with and without vectors', () => {
  const hashed = [new Workspace(vectors), new Workspace()].map((workspace) => {
    workspace.load(new TextEncoder().encode(' '.repeat(300)));
    workspace.ascii('first\n');
    workspace.ascii(`${'second'.repeat(20)}\n`);
    const hashes = new Float64Array(2);
    workspace.hashOutput(Int32Array.of(0, 6), hashes);
    return [...hashes];
  });
  expect(hashed[0]).toEqual(hashed[1]);
  expect(hashed[0]?.[0]).not.toBe(hashed[0]?.[1]);
});
