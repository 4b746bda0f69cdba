/**
 * Deflate (RFC 1951) for pieces of a gzip member that are to be inflated alone: no reference leaves the piece, and a full
 * flush ends it. The same input gives the same output. Compiled to WebAssembly; `block-encoder.ts` is its face.
 */
import { bitPosition, openBits } from './bit-writer';
import { addLiteral, addMatch, assumePrices, closeBlock, hasRoom, openBlock, putStored, savingOfFour } from './block';
import { buildLengths } from './huffman';
import { findMatch, forgetMatches, notePosition } from './matches';
import { INPUT, INPUT_BYTES, OUTPUT, PAGES, SYMBOL_FREQUENCIES, SYMBOL_LENGTHS } from './memory';
import { makeTables } from './tables';

/** So many bytes are read at once where matches are looked for: the last ones are literals. */
const READ_AHEAD: u32 = 16;
const LONGEST: u32 = 258;
/** From this length on a match is taken without a look at the next position. */
const GOOD: u32 = 32;
/** A match of four bytes must not cost so many bits more than its literals: it leaves fewer tokens behind. */
const FOUR_MAY_COST: i32 = 2;
/** After so many literals in a row positions are skipped, more and more of them: what does not repeat costs little. */
const PATIENCE: u32 = 9;
const MOST_SKIPPED: u32 = 15;
/** Tokens of one step: the literals that are skipped, or those before the match that is taken. */
const STEP_TOKENS: u32 = GOOD + MOST_SKIPPED + 2;

/** @returns what the host must know: where input may be put (with up to 7 bytes before it), its limit, the output. */
export function inputAt(): usize {
  return INPUT;
}

export function inputLimit(): usize {
  return INPUT_BYTES;
}

export function outputAt(): usize {
  return OUTPUT;
}

/** Once, before anything else. */
export function open(): void {
  memory.grow(PAGES - memory.size());
  makeTables();
}

/** For tests of the limit: lengths for frequencies (u32) at the first address; they lie at the second. */
export function frequenciesAt(): usize {
  return SYMBOL_FREQUENCIES;
}

export function lengthsFor(symbols: u32, maxBits: u32): usize {
  if (symbols > 286 || maxBits > 15) unreachable();
  buildLengths(SYMBOL_FREQUENCIES, symbols, maxBits, SYMBOL_LENGTHS);
  return SYMBOL_LENGTHS;
}

function isWorth(at: usize, match: u32): bool {
  const length = match >>> 16;
  return length > 4 || (length === 4 && savingOfFour(at, match) >= -FOUR_MAY_COST);
}

/** A byte more is worth four bits, a distance costs one bit each time it doubles; a literal comes before the next match. */
function isBetter(next: u32, match: u32): bool {
  const longer = <i32>(next >>> 16) - <i32>(match >>> 16);
  const nearer = <i32>clz((next & 0xffff) + 1) - <i32>clz((match & 0xffff) + 1);
  return 4 * longer + nearer > 3;
}

function addLiterals(from: usize, size: u32): void {
  for (let i: u32 = 0; i < size; i++) addLiteral(load<u8>(from + i));
}

/** Deflates the `size` bytes at `input`. Returns the size of the output. Traps where the input is not within its place. */
export function deflate(input: usize, size: u32): usize {
  const end = INPUT + INPUT_BYTES;
  if (input < INPUT || input > end || <usize>size > end - input) unreachable();
  openBits(OUTPUT);
  openBlock();
  assumePrices();
  forgetMatches();
  const limit = size > READ_AHEAD ? size - READ_AHEAD : 0;
  let position: u32 = 0;
  let begin: u32 = 0;
  let literals: u32 = 0;
  while (position < limit) {
    if (!hasRoom(STEP_TOKENS)) {
      closeBlock(input + begin, position - begin);
      begin = position;
    }
    let match = findMatch(input + position, position, min(size - position, LONGEST));
    if (!isWorth(input + position, match)) {
      const skipped = min(min(literals >> PATIENCE, MOST_SKIPPED) + 1, limit - position);
      addLiterals(input + position, skipped);
      position += skipped;
      literals += skipped;
      continue;
    }
    literals = 0;
    let searched = position + 1;
    while (match >>> 16 < GOOD && searched < limit) {
      const next = findMatch(input + searched, searched, min(size - searched, LONGEST));
      searched++;
      if (!isBetter(next, match)) break;
      addLiteral(load<u8>(input + position));
      position++;
      match = next;
    }
    addMatch(match);
    position += match >>> 16;
    const known = min(position, limit);
    for (; searched < known; searched++) notePosition(input + searched, searched);
  }
  for (; position < size; position++) {
    if (!hasRoom(1)) {
      closeBlock(input + begin, position - begin);
      begin = position;
    }
    addLiteral(load<u8>(input + position));
  }
  if (size > 0) closeBlock(input + begin, size - begin);
  putStored(OUTPUT, 0);
  return bitPosition() - OUTPUT;
}
