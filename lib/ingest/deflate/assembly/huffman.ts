/** Canonical Huffman codes of limited length (RFC 1951, 3.2.2). */
import { LENGTH_COUNTS, NEXT_CODES, NODES, SORTED } from './memory';

function word(table: usize, index: u32): u32 {
  return load<u32>(table + ((<usize>index) << 2));
}

function setWord(table: usize, index: u32, value: u32): void {
  store<u32>(table + ((<usize>index) << 2), value);
}

function add(table: usize, index: u32, value: u32): void {
  setWord(table, index, word(table, index) + value);
}

/** Used symbols by rising frequency, with the frequency from bit 9 on; below 2^23. Returns how many. */
function sortUsed(frequencies: usize, symbols: u32): u32 {
  let used: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const frequency = word(frequencies, symbol);
    if (frequency === 0) continue;
    const entry = (frequency << 9) | symbol;
    let place = used++;
    for (; place > 0 && word(SORTED, place - 1) > entry; place--) setWord(SORTED, place, word(SORTED, place - 1));
    setWord(SORTED, place, entry);
  }
  return used;
}

/** Takes the lighter of the next leaf and the next inner node, and notes the parent of the latter. */
function joinTree(used: u32): void {
  for (let i: u32 = 0; i < used; i++) setWord(NODES, i, word(SORTED, i) >>> 9);
  let inner: u32 = 0;
  let leaf: u32 = 0;
  for (let parent: u32 = 0; parent < used - 1; parent++) {
    let sum: u32 = 0;
    for (let child = 0; child < 2; child++) {
      if (leaf >= used || (inner < parent && word(NODES, inner) < word(NODES, leaf))) {
        sum += word(NODES, inner);
        setWord(NODES, inner++, parent);
      } else {
        sum += word(NODES, leaf++);
      }
    }
    setWord(NODES, parent, sum);
  }
}

/** Inner nodes' parents become their depths; then the leaves of each depth are what the inner nodes leave over. */
function countDepths(used: u32, maxBits: u32): void {
  const root = used - 2;
  setWord(NODES, root, 0);
  for (let node: i32 = <i32>root - 1; node >= 0; node--) setWord(NODES, node, word(NODES, word(NODES, node)) + 1);
  memory.fill(LENGTH_COUNTS, 0, 16 * 4);
  let node: i32 = <i32>root;
  let places: u32 = 1;
  for (let depth: u32 = 0; places > 0; depth++) {
    let inner: u32 = 0;
    for (; node >= 0 && word(NODES, node) === depth; node--) inner++;
    add(LENGTH_COUNTS, min(depth, maxBits), places - inner);
    places = 2 * inner;
  }
}

/**
 * Leaves that were too deep now all stand at the limit, where there is not room for them: a leaf above goes one down and
 * takes one of them as its neighbour, until the code fits exactly.
 */
function fitDepths(maxBits: u32): void {
  let room: u32 = 0;
  for (let depth: u32 = 1; depth <= maxBits; depth++) room += word(LENGTH_COUNTS, depth) << (maxBits - depth);
  for (; room > (<u32>1) << maxBits; room--) {
    let depth = maxBits - 1;
    while (word(LENGTH_COUNTS, depth) === 0) depth--;
    add(LENGTH_COUNTS, depth, <u32>-1);
    add(LENGTH_COUNTS, depth + 1, 2);
    add(LENGTH_COUNTS, maxBits, <u32>-1);
  }
}

/**
 * Writes the lengths (u8) of the best code for the frequencies (u32, their sum below 2^23) with at most `maxBits` bits a
 * symbol. At least one symbol gets a code, and a lone one a code of one bit: both are what inflaters accept.
 */
export function buildLengths(frequencies: usize, symbols: u32, maxBits: u32, lengths: usize): void {
  memory.fill(lengths, 0, symbols);
  const used = sortUsed(frequencies, symbols);
  if (used < 2) {
    store<u8>(lengths + (used === 0 ? 0 : word(SORTED, 0) & 511), 1);
    return;
  }
  joinTree(used);
  countDepths(used, maxBits);
  fitDepths(maxBits);
  let next: u32 = 0;
  for (let bits = maxBits; bits > 0; bits--) {
    for (let left = word(LENGTH_COUNTS, bits); left > 0; left--)
      store<u8>(lengths + (word(SORTED, next++) & 511), bits);
  }
}

function reversed(code: u32, bits: u32): u32 {
  let mixed = ((code & 0x5555) << 1) | ((code >>> 1) & 0x5555);
  mixed = ((mixed & 0x3333) << 2) | ((mixed >>> 2) & 0x3333);
  mixed = ((mixed & 0x0f0f) << 4) | ((mixed >>> 4) & 0x0f0f);
  mixed = ((mixed & 0x00ff) << 8) | (mixed >>> 8);
  return mixed >>> (16 - bits);
}

/** Writes the codes (u32) that belong to the lengths, first bit lowest, with their number of bits from bit 24 on. */
export function assignCodes(lengths: usize, symbols: u32, codes: usize): void {
  memory.fill(LENGTH_COUNTS, 0, 16 * 4);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) add(LENGTH_COUNTS, load<u8>(lengths + symbol), 1);
  setWord(LENGTH_COUNTS, 0, 0);
  let code: u32 = 0;
  for (let bits: u32 = 1; bits < 16; bits++) {
    code = (code + word(LENGTH_COUNTS, bits - 1)) << 1;
    setWord(NEXT_CODES, bits, code);
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const bits: u32 = load<u8>(lengths + symbol);
    if (bits > 0) setWord(codes, symbol, reversed(word(NEXT_CODES, bits), bits) | (bits << 24));
    else setWord(codes, symbol, 0);
    if (bits > 0) add(NEXT_CODES, bits, 1);
  }
}
