const PRIME = 0x9e3779b1 | 0;
const OTHER_PRIME = 0x85ebca6b | 0;

/**
 * A 53-bit hash of a byte range, for finding duplicates. Fast and well mixed, not meant to withstand somebody who looks
 * for collisions.
 */
export function hashBytes(view: DataView, start: number, end: number): number {
  let a = PRIME ^ (end - start);
  let b = OTHER_PRIME;
  let c = ~PRIME;
  let d = ~OTHER_PRIME;
  let p = start;
  for (; p + 16 <= end; p += 16) {
    a = round(a, view.getInt32(p, true));
    b = round(b, view.getInt32(p + 4, true));
    c = round(c, view.getInt32(p + 8, true));
    d = round(d, view.getInt32(p + 12, true));
  }
  for (; p + 4 <= end; p += 4) a = round(a, view.getInt32(p, true));
  for (; p < end; p++) b = round(b, view.getUint8(p));
  const high = finish(a ^ rotate(c, 11) ^ Math.imul(b, PRIME));
  const low = finish(b ^ rotate(d, 17) ^ Math.imul(a, OTHER_PRIME) ^ Math.imul(c, PRIME));
  return (high >>> 0) * 0x200000 + (low >>> 11);
}

function round(lane: number, word: number): number {
  return Math.imul(rotate(lane ^ word, 15), PRIME) ^ (lane >>> 7);
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, OTHER_PRIME);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35 | 0);
  return h ^ (h >>> 16);
}
