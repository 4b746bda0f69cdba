import { expect, it } from 'vitest';
import { copyInto } from './copy-into.ts';

const source = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) % 251);

it.each([
  [0, 0],
  [1, 3],
  [100, 1],
  [127, 7],
  [128, 5],
  [129, 8],
  [4001, 13],
])('copies %i bytes to offset %i of shared memory and touches no other', (length, at) => {
  const target = new Uint8Array(new SharedArrayBuffer(at + length + 20)).fill(255);
  const piece = source.subarray(3, 3 + length);
  copyInto(target, at, piece);
  const expected = [...new Array(at).fill(255), ...piece, ...new Array(20).fill(255)];
  expect([...target]).toEqual(expected);
});
