/** The tables of RFC 1951, 3.2.5, made once: an instance calls `makeTables` before anything else. */
import { DISTANCE_SLOTS, LENGTH_BASES, LENGTH_EXTRAS, LENGTH_SYMBOLS } from './memory';

/** Extra bits of the distances in a slot (a distance's symbol). */
export function extraBitsOf(slot: u32): u32 {
  return slot < 4 ? 0 : (slot >> 1) - 1;
}

/** Slot of a distance, both counted from 0: up to 256 from a table, above by the upper bits in another. */
export function slotOf(distance: u32): u32 {
  return load<u8>(DISTANCE_SLOTS + <usize>(distance < 256 ? distance : 256 + (distance >> 7)));
}

function computeSlot(distance: u32): u32 {
  if (distance < 2) return distance;
  const log: u32 = 31 - clz(distance);
  return (log << 1) + ((distance >> (log - 1)) & 1);
}

function setLength(symbol: u32, base: u32, extra: u32, last: u32): void {
  store<u8>(LENGTH_BASES + symbol, base);
  store<u8>(LENGTH_EXTRAS + symbol, extra);
  for (let length = base; length <= last; length++) store<u8>(LENGTH_SYMBOLS + length, symbol);
}

/** Lengths count from 0 for a match of 3 bytes. The longest, 258, has a symbol of its own. */
export function makeTables(): void {
  let base: u32 = 0;
  for (let symbol: u32 = 0; symbol < 28; symbol++) {
    const extra: u32 = symbol < 8 ? 0 : (symbol >> 2) - 1;
    const next = base + ((<u32>1) << extra);
    setLength(symbol, base, extra, min<u32>(next - 1, 254));
    base = next;
  }
  setLength(28, 255, 0, 255);
  for (let distance: u32 = 0; distance < 256; distance++) store<u8>(DISTANCE_SLOTS + distance, computeSlot(distance));
  for (let upper: u32 = 2; upper < 256; upper++) store<u8>(DISTANCE_SLOTS + 256 + upper, computeSlot(upper << 7));
}
