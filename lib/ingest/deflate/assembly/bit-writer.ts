/** Bits to bytes, lowest first. Up to 7 bits wait; the 8 bytes from the position on are scratch. */
let position: usize = 0;
let waiting: u64 = 0;
let waitingBits: u64 = 0;

export function openBits(at: usize): void {
  position = at;
  waiting = 0;
  waitingBits = 0;
}

export function bitPosition(): usize {
  return position;
}

/** For loops that keep the state in their own variables: read these, then call `resumeBits`. */
export function bitsWaiting(): u64 {
  return waiting;
}

export function countWaiting(): u64 {
  return waitingBits;
}

export function resumeBits(at: usize, bits: u64, count: u64): void {
  position = at;
  waiting = bits;
  waitingBits = count;
}

/** At most 57 bits. */
export function putBits(value: u64, count: u64): void {
  waiting |= value << waitingBits;
  waitingBits += count;
  store<u64>(position, waiting);
  position += <usize>(waitingBits >> 3);
  waiting >>= waitingBits & 56;
  waitingBits &= 7;
}

/** Fills the byte that was begun with zeros. */
export function alignBits(): void {
  if (waitingBits > 0) putBits(0, 8 - waitingBits);
}

/** After `alignBits`. */
export function putBytes(from: usize, count: usize): void {
  memory.copy(position, from, count);
  position += count;
}
