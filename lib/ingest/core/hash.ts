// Signed, so that they are small integers everywhere: 0x9e3779b1 and 0x85ebca6b.
export const PRIME = -1640531535;
const OTHER_PRIME = -2048144789;

/**
 * A 53-bit hash of a byte range, for finding duplicates. Fast and well mixed, not meant to withstand somebody who looks
 * for collisions.
 */
export function hashBytes(view: DataView, start: number, end: number): number {
  let a = PRIME ^ (end - start);
  let b = OTHER_PRIME;
  let c = ~PRIME;
  let d = ~OTHER_PRIME;
  let e = PRIME >>> 1;
  let f = OTHER_PRIME >>> 1;
  let g = ~PRIME >>> 2;
  let h = ~OTHER_PRIME >>> 2;
  let p = start;
  // Eight lanes, because each step of a lane has to wait for the multiplication before it.
  for (; p + 32 <= end; p += 32) {
    a = step(a, view.getInt32(p, true));
    b = step(b, view.getInt32(p + 4, true));
    c = step(c, view.getInt32(p + 8, true));
    d = step(d, view.getInt32(p + 12, true));
    e = step(e, view.getInt32(p + 16, true));
    f = step(f, view.getInt32(p + 20, true));
    g = step(g, view.getInt32(p + 24, true));
    h = step(h, view.getInt32(p + 28, true));
  }
  for (; p + 4 <= end; p += 4) a = step(a, view.getInt32(p, true));
  for (; p < end; p++) b = step(b, view.getUint8(p));
  const high = finish(step(step(step(a, c), e), g) ^ Math.imul(b, PRIME));
  const low = finish(step(step(step(b, d), f), h) ^ Math.imul(a, OTHER_PRIME) ^ Math.imul(e, PRIME));
  return (high >>> 0) * 0x200000 + (low >>> 11);
}

/** Lanes of a hash whose blocks are run over by vector instructions. */
export const HASH_LANES = 8;

/** Sets the lanes to where `hashBytes` begins. */
export function startHash(lanes: Int32Array, sizeBytes: number): void {
  lanes[0] = PRIME ^ sizeBytes;
  lanes[1] = OTHER_PRIME;
  lanes[2] = ~PRIME;
  lanes[3] = ~OTHER_PRIME;
  lanes[4] = PRIME >>> 1;
  lanes[5] = OTHER_PRIME >>> 1;
  lanes[6] = ~PRIME >>> 2;
  lanes[7] = ~OTHER_PRIME >>> 2;
}

/** The hash of a range whose whole blocks, up to `start`, are in the lanes: what `hashBytes` gives. */
export function endHash(lanes: Int32Array, view: DataView, start: number, end: number): number {
  const [c, d, e, f] = [lanes[2] as number, lanes[3] as number, lanes[4] as number, lanes[5] as number];
  let a = lanes[0] as number;
  let b = lanes[1] as number;
  let p = start;
  for (; p + 4 <= end; p += 4) a = step(a, view.getInt32(p, true));
  for (; p < end; p++) b = step(b, view.getUint8(p));
  const high = finish(step(step(step(a, c), e), lanes[6] as number) ^ Math.imul(b, PRIME));
  const odd = step(step(step(b, d), f), lanes[7] as number);
  const low = finish(odd ^ Math.imul(a, OTHER_PRIME) ^ Math.imul(e, PRIME));
  return (high >>> 0) * 0x200000 + (low >>> 11);
}

/** A bijection of the lane for every word, so that two ranges that differ in one word never collide in their lane. */
function step(lane: number, word: number): number {
  return Math.imul(rotate(lane ^ word, 15), PRIME);
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, OTHER_PRIME);
  h ^= h >>> 13;
  h = Math.imul(h, -1028477387);
  return h ^ (h >>> 16);
}
