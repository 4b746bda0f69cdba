/** One deflate block: its tokens are gathered and counted, then written with the codes that suit them, or stored. */
import { alignBits, bitPosition, bitsWaiting, countWaiting, putBits, putBytes, resumeBits } from './bit-writer';
import { planHeader, putHeader } from './header';
import { assignCodes, buildLengths } from './huffman';
import {
  DISTANCE_CODES,
  DISTANCE_FREQUENCIES,
  DISTANCE_LENGTHS,
  FREQUENCIES,
  FREQUENCIES_END,
  LENGTH_BASES,
  LENGTH_EXTRAS,
  LENGTH_SYMBOLS,
  MAX_TOKENS,
  SYMBOL_CODES,
  SYMBOL_FREQUENCIES,
  SYMBOL_LENGTHS,
  TOKEN_CODES,
  TOKENS,
} from './memory';
import { extraBitsOf, slotOf } from './tables';

const END_OF_BLOCK: u32 = 256;
/** A slot that no distance has: it costs nothing, so that literals are written like matches, without a branch. */
const NO_SLOT: u32 = 30;
const MOST_STORED: usize = 65535;
/** What a symbol without a code would cost, for estimates. */
const UNKNOWN_BITS: u32 = 12;

let tokens: u32 = 0;

function count(table: usize, index: u32): void {
  const at = table + ((<usize>index) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

export function openBlock(): void {
  tokens = 0;
  memory.fill(FREQUENCIES, 0, FREQUENCIES_END - FREQUENCIES);
}

/** Before the first block nothing is known of the text: prices as text has them. */
export function assumePrices(): void {
  for (let token: u32 = 0; token < 512; token++) store<u32>(TOKEN_CODES + (token << 2), (token < 256 ? 6 : 7) << 24);
  for (let slot: u32 = 0; slot < 32; slot++) {
    store<u32>(DISTANCE_CODES + (slot << 2), (5 << 16) | (extraBitsOf(slot) << 24));
  }
}

/** Whether there is room for so many more tokens. */
export function hasRoom(more: u32): bool {
  return tokens + more <= MAX_TOKENS;
}

/** Literal, or 256 and the length less 3; the distance's slot from bit 9 on; the distance from bit 16 on. */
function addToken(token: u32): void {
  store<u32>(TOKENS + ((<usize>tokens) << 2), token);
  tokens++;
}

export function addLiteral(literal: u32): void {
  addToken(literal | (NO_SLOT << 9));
  count(FREQUENCIES, literal);
}

/** A match as the finder gives it, of 3 to 258 bytes. */
export function addMatch(match: u32): void {
  const length = 256 - 3 + (match >>> 16);
  const distance = match & 0xffff;
  const slot = slotOf(distance);
  addToken(length | (slot << 9) | (distance << 16));
  count(FREQUENCIES, length);
  count(DISTANCE_FREQUENCIES, slot);
}

function priceOf(token: u32): u32 {
  const bits = load<u32>(TOKEN_CODES + (token << 2)) >>> 24;
  return bits === 0 ? UNKNOWN_BITS : bits;
}

/** Bits that a match of four bytes saves against its literals, by the codes of the block before. */
export function savingOfFour(at: usize, match: u32): i32 {
  const code = load<u32>(DISTANCE_CODES + ((<usize>slotOf(match & 0xffff)) << 2));
  const bits = (code >>> 16) & 0xff;
  const price = priceOf(257) + (bits === 0 ? UNKNOWN_BITS : bits) + (code >>> 24);
  const literals =
    priceOf(load<u8>(at)) + priceOf(load<u8>(at, 1)) + priceOf(load<u8>(at, 2)) + priceOf(load<u8>(at, 3));
  return <i32>literals - <i32>price;
}

/** Lengths are counted one by one, symbols stand for several. */
function countSymbols(): void {
  memory.copy(SYMBOL_FREQUENCIES, FREQUENCIES, 256 * 4);
  memory.fill(SYMBOL_FREQUENCIES + 256 * 4, 0, 32 * 4);
  store<u32>(SYMBOL_FREQUENCIES + (END_OF_BLOCK << 2), 1);
  for (let length: u32 = 0; length < 256; length++) {
    const at = SYMBOL_FREQUENCIES + ((257 + <usize>load<u8>(LENGTH_SYMBOLS + length)) << 2);
    store<u32>(at, load<u32>(at) + load<u32>(FREQUENCIES + ((256 + length) << 2)));
  }
}

/** Bits of all tokens and the end of the block, without its header. */
function bodyBits(): u32 {
  let bits: u32 = 0;
  for (let symbol: u32 = 0; symbol < 286; symbol++) {
    const extra: u32 = symbol > 256 ? load<u8>(LENGTH_EXTRAS + symbol - 257) : 0;
    bits += load<u32>(SYMBOL_FREQUENCIES + (symbol << 2)) * (load<u8>(SYMBOL_LENGTHS + symbol) + extra);
  }
  for (let slot: u32 = 0; slot < 30; slot++) {
    bits += load<u32>(DISTANCE_FREQUENCIES + (slot << 2)) * (load<u8>(DISTANCE_LENGTHS + slot) + extraBitsOf(slot));
  }
  return bits;
}

/** Codes by token, with the extra bits of a length already in place. */
function makeTokenCodes(): void {
  assignCodes(SYMBOL_LENGTHS, 286, SYMBOL_CODES);
  memory.copy(TOKEN_CODES, SYMBOL_CODES, 256 * 4);
  for (let length: u32 = 0; length < 256; length++) {
    const symbol: u32 = load<u8>(LENGTH_SYMBOLS + length);
    const code = load<u32>(SYMBOL_CODES + ((257 + symbol) << 2));
    const bits = code >>> 24;
    const extra = length - <u32>load<u8>(LENGTH_BASES + symbol);
    const all = bits === 0 ? 0 : bits + load<u8>(LENGTH_EXTRAS + symbol);
    store<u32>(TOKEN_CODES + ((256 + length) << 2), (code & 0xffff) | (extra << bits) | (all << 24));
  }
  assignCodes(DISTANCE_LENGTHS, 30, DISTANCE_CODES);
  for (let slot: u32 = 0; slot < 30; slot++) {
    const at = DISTANCE_CODES + (slot << 2);
    const code = load<u32>(at);
    store<u32>(at, (code & 0xffff) | ((code >>> 24) << 16) | (extraBitsOf(slot) << 24));
  }
  store<u32>(DISTANCE_CODES + (NO_SLOT << 2), 0);
}

/** At most 7 + 20 + 28 bits at once, which fits the 64 of the register. */
function putTokens(): void {
  let bits = bitsWaiting();
  let held = countWaiting();
  let out = bitPosition();
  const end = TOKENS + ((<usize>tokens) << 2);
  for (let at = TOKENS; at < end; at += 4) {
    const token = load<u32>(at);
    const code = load<u32>(TOKEN_CODES + ((token & 511) << 2));
    const distance = load<u32>(DISTANCE_CODES + ((token >>> 7) & 0x7c));
    bits |= (<u64>(code & 0xffffff)) << held;
    held += code >>> 24;
    const length = (distance >>> 16) & 0xff;
    const extra = distance >>> 24;
    const offset = (token >>> 16) & (((<u32>1) << extra) - 1);
    bits |= (<u64>(distance & 0xffff) | ((<u64>offset) << length)) << held;
    held += length + extra;
    store<u64>(out, bits);
    out += <usize>(held >> 3);
    bits >>= held & 56;
    held &= 7;
  }
  resumeBits(out, bits, held);
}

/** `000`, then length and its complement at a byte's start, then the bytes. Without bytes: what ends a full flush. */
export function putStored(from: usize, size: usize): void {
  do {
    const part = min(size, MOST_STORED);
    putBits(0, 3);
    alignBits();
    putBits(part | ((part ^ 0xffff) << 16), 32);
    putBytes(from, part);
    from += part;
    size -= part;
  } while (size > 0);
}

/** Writes the tokens, which stand for the `size` bytes at `from`, and begins the next block. */
export function closeBlock(from: usize, size: usize): void {
  countSymbols();
  buildLengths(SYMBOL_FREQUENCIES, 286, 15, SYMBOL_LENGTHS);
  buildLengths(DISTANCE_FREQUENCIES, 30, 15, DISTANCE_LENGTHS);
  const coded = planHeader() + bodyBits() + 3;
  const stored = <u32>(((size / MOST_STORED + 1) * 5 + size) << 3);
  if (stored <= coded) {
    putStored(from, size);
  } else {
    makeTokenCodes();
    putHeader();
    putTokens();
    const end = load<u32>(SYMBOL_CODES + (END_OF_BLOCK << 2));
    putBits(end & 0xffff, end >>> 24);
  }
  openBlock();
}
