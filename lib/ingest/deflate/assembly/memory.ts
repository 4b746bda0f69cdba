/**
 * Where everything lies in the encoder's memory. All of it is of fixed size: the encoder allocates nothing. Bytes of one
 * entry times entries is written out, so that a table and its end can be checked at sight.
 */

/** Bits of a hash: rows of four positions of 16 bits each, once by the next four bytes, once by the next six. */
export const HASH_BITS: u32 = 14;
export const SHORT_ROWS: usize = 0x1000;
export const LONG_ROWS: usize = SHORT_ROWS + ((<usize>8) << HASH_BITS);
export const ROWS_END: usize = LONG_ROWS + ((<usize>8) << HASH_BITS);

/** Tokens of one deflate block: more make better codes for even text, fewer follow uneven text better. */
export const MAX_TOKENS: u32 = 32768;
export const TOKENS: usize = ROWS_END;

/** u32 each. Literals and match lengths less 3 (from 256 on), then slots of distances: cleared together. */
export const FREQUENCIES: usize = TOKENS + <usize>MAX_TOKENS * 4;
export const DISTANCE_FREQUENCIES: usize = FREQUENCIES + 512 * 4;
export const FREQUENCIES_END: usize = DISTANCE_FREQUENCIES + 32 * 4;

/** u32 each: the code's bits, with a length's extra bits above them; how many bits in all, from bit 24 on. */
export const TOKEN_CODES: usize = FREQUENCIES_END;
/** u32 each: the code's bits; from bit 16 on how many; from bit 24 on the number of extra bits. */
export const DISTANCE_CODES: usize = TOKEN_CODES + 512 * 4;

/** By symbol of RFC 1951: 286 of literals and lengths, 30 of distances, 19 of code lengths. */
export const SYMBOL_FREQUENCIES: usize = DISTANCE_CODES + 32 * 4;
export const SYMBOL_CODES: usize = SYMBOL_FREQUENCIES + 288 * 4;
export const SYMBOL_LENGTHS: usize = SYMBOL_CODES + 288 * 4;
export const DISTANCE_LENGTHS: usize = SYMBOL_LENGTHS + 288;
export const HEADER_FREQUENCIES: usize = DISTANCE_LENGTHS + 32;
export const HEADER_CODES: usize = HEADER_FREQUENCIES + 32 * 4;
export const HEADER_LENGTHS: usize = HEADER_CODES + 32 * 4;
/** u32 each: symbol of a code length, its extra value from bit 8 on. */
export const HEADER_TOKENS: usize = HEADER_LENGTHS + 32;

/** Working space of the Huffman codes. */
export const SORTED: usize = HEADER_TOKENS + 320 * 4;
export const NODES: usize = SORTED + 288 * 4;
export const LENGTH_COUNTS: usize = NODES + 288 * 4;
export const NEXT_CODES: usize = LENGTH_COUNTS + 16 * 4;

/** u8 each, never changed: symbol (less 257), base and extra bits of a match length less 3; slot of a distance less 1. */
export const LENGTH_SYMBOLS: usize = NEXT_CODES + 16 * 4;
export const LENGTH_BASES: usize = LENGTH_SYMBOLS + 256;
export const LENGTH_EXTRAS: usize = LENGTH_BASES + 32;
export const DISTANCE_SLOTS: usize = LENGTH_EXTRAS + 32;

/** At least 64 KiB from the start of memory: a distance that is still to be judged may point so far back. */
export const INPUT: usize = 0x80000;
/** A multiple of 8 above it may be used, so that source and target of a copy can be aligned to each other. */
export const INPUT_BYTES: usize = 0x200000;
export const OUTPUT: usize = INPUT + INPUT_BYTES + 64;
/** Stored blocks add 5 bytes to 64 KiB; 8 bytes are written at a time. */
export const OUTPUT_BYTES: usize = INPUT_BYTES + 0x1000;
export const PAGES: i32 = <i32>((OUTPUT + OUTPUT_BYTES + 0xffff) >> 16);
