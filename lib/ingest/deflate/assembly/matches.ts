/**
 * Finds earlier text that goes on as the present does. Two tables hold the latest four positions of each hash: of six
 * bytes for long matches, of four for what is short and near. The candidates of a position are all compared, sixteen
 * bytes at once and without a branch: which of them wins cannot be predicted, and a wrong guess costs more than the work.
 *
 * A match is one number: its length from bit 16 on, its distance less 1 below. 0 is none.
 */
import { HASH_BITS, LONG_ROWS, ROWS_END, SHORT_ROWS } from './memory';

const WINDOW: u32 = 32768;
const COMPARED: u32 = 16;
/** A match of this length is not compared with others any more. */
const NICE: u32 = 64;

/** Whatever came before is forgotten. Position 0 in all rows does no harm: candidates are only guesses. */
export function forgetMatches(): void {
  memory.fill(SHORT_ROWS, 0, ROWS_END - SHORT_ROWS);
}

function shortRow(text: u64): usize {
  return SHORT_ROWS + ((<usize>((<u32>text * 0x9e3779b1) >>> (32 - HASH_BITS))) << 3);
}

function longRow(text: u64): usize {
  return LONG_ROWS + ((<usize>(((text << 16) * 0x9e3779b185ebca87) >>> (64 - <u64>HASH_BITS))) << 3);
}

function prepend(row: usize, position: u32): void {
  store<u64>(row, (load<u64>(row) << 16) | <u64>(position & 0xffff));
}

/** Makes a position known that is not searched from. 8 bytes after `at` MUST be readable. */
export function notePosition(at: usize, position: u32): void {
  const text = load<u64>(at);
  prepend(shortRow(text), position);
  prepend(longRow(text), position);
}

function commonLength(a: usize, b: usize, most: u32): u32 {
  for (let length: u32 = 0; length < most; length += 8) {
    const differs = load<u64>(a + length) ^ load<u64>(b + length);
    if (differs !== 0) return min(most, length + <u32>(ctz(differs) >> 3));
  }
  return most;
}

/** Length from bit 16 on, nearness below, so that the greatest is the longest and of those the nearest; 0 out of reach. */
function rank(at: usize, position: u32, candidate: u64, reach: u32, here: v128): u32 {
  const distance = (position - <u32>(candidate & 0xffff) - 1) & 0xffff;
  const same = i8x16.bitmask(i8x16.eq(v128.load(at - distance - 1), here));
  return select<u32>(((<u32>ctz(~same)) << 16) | (distance ^ 0xffff), 0, distance < reach);
}

function greater(a: u32, b: u32): u32 {
  return select<u32>(a, b, a > b);
}

/** The best match of at most `most` bytes, and the position is made known. 16 bytes after `at` MUST belong to the text. */
export function findMatch(at: usize, position: u32, most: u32): u32 {
  const text = load<u64>(at);
  const here = v128.load(at);
  const nearRow = shortRow(text);
  const farRow = longRow(text);
  const near = load<u64>(nearRow);
  const far = load<u64>(farRow);
  store<u64>(nearRow, (near << 16) | <u64>(position & 0xffff));
  store<u64>(farRow, (far << 16) | <u64>(position & 0xffff));
  const reach = min(position, WINDOW);
  let best = rank(at, position, far, reach, here);
  best = greater(best, rank(at, position, far >> 16, reach, here));
  best = greater(best, rank(at, position, far >> 32, reach, here));
  best = greater(best, rank(at, position, far >> 48, reach, here));
  best = greater(best, rank(at, position, near, reach, here));
  best = greater(best, rank(at, position, near >> 16, reach, here));
  if (best < 1 << 16) return 0;
  best ^= 0xffff;
  return best < COMPARED << 16 ? best : findLongest(at, position, far, reach, most, best);
}

/** All the bytes that are compared agree with `best`: which of the six bytes' row goes on longest? */
function findLongest(at: usize, position: u32, row: u64, reach: u32, most: u32, best: u32): u32 {
  for (let i = 0; i < 4; i++, row >>= 16) {
    const distance = (position - <u32>(row & 0xffff) - 1) & 0xffff;
    if (distance >= reach) continue;
    const length = commonLength(at - distance - 1, at, most);
    if (length > best >>> 16) best = (length << 16) | distance;
    if (length >= NICE) break;
  }
  return best;
}
