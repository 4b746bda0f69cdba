/** The header of a block with codes of its own: the lengths of both codes, in runs, themselves in a Huffman code. */
import { putBits } from './bit-writer';
import { assignCodes, buildLengths } from './huffman';
import {
  DISTANCE_LENGTHS,
  HEADER_CODES,
  HEADER_FREQUENCIES,
  HEADER_LENGTHS,
  HEADER_TOKENS,
  SYMBOL_LENGTHS,
} from './memory';

const REPEAT: u32 = 16;
const FEW_ZEROS: u32 = 17;
const MANY_ZEROS: u32 = 18;

let symbols: u32 = 0;
let slots: u32 = 0;
let orders: u32 = 0;
let tokens: u32 = 0;

/** 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1 15: RFC 1951 names the lengths in this order. */
function inOrder(place: u32): u32 {
  if (place < 3) return 16 + place;
  if (place === 3) return 0;
  return (place & 1) === 0 ? 8 + ((place - 4) >> 1) : 7 - ((place - 5) >> 1);
}

function usedOf(lengths: usize, most: u32, least: u32): u32 {
  while (most > least && load<u8>(lengths + most - 1) === 0) most--;
  return most;
}

function lengthAt(index: u32): u32 {
  return index < symbols ? load<u8>(SYMBOL_LENGTHS + index) : load<u8>(DISTANCE_LENGTHS + index - symbols);
}

function addToken(symbol: u32, extra: u32): void {
  store<u32>(HEADER_TOKENS + ((<usize>tokens) << 2), symbol | (extra << 8));
  tokens++;
  const at = HEADER_FREQUENCIES + ((<usize>symbol) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

function addZeros(run: u32): u32 {
  for (; run >= 3; ) {
    const part = min<u32>(run, 138);
    if (part <= 10) addToken(FEW_ZEROS, part - 3);
    else addToken(MANY_ZEROS, part - 11);
    run -= part;
  }
  return run;
}

function addRepeats(length: u32, run: u32): u32 {
  addToken(length, 0);
  run--;
  for (; run >= 3; ) {
    const part = min<u32>(run, 6);
    addToken(REPEAT, part - 3);
    run -= part;
  }
  return run;
}

function addRun(length: u32, run: u32): void {
  let left = length === 0 ? addZeros(run) : addRepeats(length, run);
  for (; left > 0; left--) addToken(length, 0);
}

function extraBits(symbol: u32): u32 {
  if (symbol < REPEAT) return 0;
  if (symbol === REPEAT) return 2;
  return symbol === FEW_ZEROS ? 3 : 7;
}

/** Reads both codes' lengths. Returns the bits of the header, without the three that begin any block. */
export function planHeader(): u32 {
  symbols = usedOf(SYMBOL_LENGTHS, 286, 257);
  slots = usedOf(DISTANCE_LENGTHS, 30, 1);
  tokens = 0;
  memory.fill(HEADER_FREQUENCIES, 0, 19 * 4);
  const all = symbols + slots;
  for (let start: u32 = 0; start < all; ) {
    const length = lengthAt(start);
    let end = start + 1;
    while (end < all && lengthAt(end) === length) end++;
    addRun(length, end - start);
    start = end;
  }
  buildLengths(HEADER_FREQUENCIES, 19, 7, HEADER_LENGTHS);
  orders = 19;
  while (orders > 4 && load<u8>(HEADER_LENGTHS + inOrder(orders - 1)) === 0) orders--;
  let bits: u32 = 14 + 3 * orders;
  for (let symbol: u32 = 0; symbol < 19; symbol++) {
    const each = load<u8>(HEADER_LENGTHS + symbol) + extraBits(symbol);
    bits += load<u32>(HEADER_FREQUENCIES + (symbol << 2)) * each;
  }
  return bits;
}

/** Writes what was planned. */
export function putHeader(): void {
  assignCodes(HEADER_LENGTHS, 19, HEADER_CODES);
  putBits(4, 3);
  putBits((symbols - 257) | ((slots - 1) << 5) | ((orders - 4) << 10), 14);
  for (let place: u32 = 0; place < orders; place++) putBits(load<u8>(HEADER_LENGTHS + inOrder(place)), 3);
  for (let i: u32 = 0; i < tokens; i++) {
    const token = load<u32>(HEADER_TOKENS + (i << 2));
    const symbol = token & 0xff;
    const code = load<u32>(HEADER_CODES + (symbol << 2));
    putBits(code & 0xffff, code >>> 24);
    putBits(token >>> 8, extraBits(symbol));
  }
}
