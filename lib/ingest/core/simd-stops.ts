/**
 * Finds, 32 bytes at a time, where reading a string must stop: quotes, backslashes, control characters, bytes outside
 * ASCII, and characters that may begin a marker. A WebAssembly function of one loop, written out below, because
 * JavaScript has no vector instructions. Where WebAssembly or its vectors are missing or forbidden, the string scanner
 * looks at four bytes at a time instead, and finds the same.
 */
export interface StopFinder {
  /**
   * Marks the stops of `bytes`: bit `i & 31` of word `i >> 5` is set when byte `i` is one. The words are valid until the
   * next call, and one word of set bits follows the last.
   */
  find(bytes: Uint8Array): Int32Array;
}

const PAGE = 65_536;
/** Input begins here: the byte before it is read as the predecessor of the first. */
const INPUT = 16;
const BLOCK = 32;

/** A finder for one thread, or undefined where there are no vector instructions. */
export function createStopFinder(): StopFinder | undefined {
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
    const { memory, mark } = instance.exports as unknown as WasmExports;
    return { find: (bytes) => find(memory, mark, bytes) };
  } catch {
    // No WebAssembly, no vectors, or a content security policy against it: the portable path does the same work.
    return undefined;
  }
}

interface WasmExports {
  memory: WebAssembly.Memory;
  mark: (from: number, to: number, out: number) => void;
}

function find(memory: WebAssembly.Memory, mark: WasmExports['mark'], bytes: Uint8Array): Int32Array {
  const blocks = Math.ceil(bytes.length / BLOCK);
  const out = INPUT + (blocks + 1) * BLOCK;
  const needed = out + (blocks + 1) * 4;
  const missing = needed - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  const input = new Uint8Array(memory.buffer, 0, out);
  input.set(bytes, INPUT);
  input.fill(0, INPUT + bytes.length);
  mark(INPUT - 1, INPUT - 1 + blocks * BLOCK, out);
  const words = new Int32Array(memory.buffer, out, blocks + 1);
  words[blocks] = -1;
  return words;
}

const I32 = 0x7f;
const V128 = 0x7b;
const [QUOTE, BACKSLASH, LESS_THAN, BRACE, COLON] = [0x22, 0x5c, 0x3c, 0x7b, 0x3a];
const [LETTER_M, LETTER_R, LETTER_T] = [0x6d, 0x72, 0x74];

const op = {
  end: [0x0b],
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  br: (depth: number) => [0x0c, depth],
  brIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  i32Const: (value: number) => [0x41, value],
  i32GreaterEqual: [0x4f],
  i32Add: [0x6a],
  i32Or: [0x72],
  i32ShiftLeft: [0x74],
  i32Store: [0x36, 2, 0],
  load: (offset: number) => [0xfd, 0x00, 0, offset],
  splat: (byte: number) => [0xfd, 0x0c, ...new Array<number>(16).fill(byte)],
  equal: [0xfd, 0x23],
  lessSigned: [0xfd, 0x25],
  and: [0xfd, 0x4e],
  or: [0xfd, 0x50],
  bitmask: [0xfd, 0x64],
};
const P = 0;
const END = 1;
const OUT = 2;
const CURRENT = 3;
const BEFORE = 4;

function isByte(local: number, byte: number): number[] {
  return [...op.get(local), ...op.splat(byte), ...op.equal];
}

/**
 * Sixteen bits for the sixteen bytes at `offset + 1`. A signed comparison with 0x20 finds control characters and bytes
 * from 0x80 on in one step; a set bit 0x20 makes `[` equal to `{`; a colon counts after the letters that end `User`,
 * `Bot`, `Assistant` and `System`.
 */
function stopsAt(offset: number): number[] {
  return [
    ...[...op.get(P), ...op.load(offset), ...op.set(BEFORE)],
    ...[...op.get(P), ...op.load(offset + 1), ...op.tee(CURRENT), ...op.splat(0x20), ...op.lessSigned],
    ...[...isByte(CURRENT, QUOTE), ...op.or, ...isByte(CURRENT, BACKSLASH), ...op.or],
    ...[...isByte(CURRENT, LESS_THAN), ...op.or],
    ...[...op.get(CURRENT), ...op.splat(0x20), ...op.or, ...op.splat(BRACE), ...op.equal, ...op.or],
    ...[...isByte(BEFORE, LETTER_R), ...isByte(BEFORE, LETTER_T), ...op.or, ...isByte(BEFORE, LETTER_M), ...op.or],
    ...[...isByte(CURRENT, COLON), ...op.and, ...op.or, ...op.bitmask],
  ];
}

/** `mark(from, to, out)`: for each 32 bytes one word of bits. */
function markBody(): number[] {
  return [
    ...[...op.block, ...op.loop],
    ...[...op.get(P), ...op.get(END), ...op.i32GreaterEqual, ...op.brIf(1)],
    ...[
      ...op.get(OUT),
      ...stopsAt(0),
      ...stopsAt(16),
      ...op.i32Const(16),
      ...op.i32ShiftLeft,
      ...op.i32Or,
      ...op.i32Store,
    ],
    ...[...op.get(P), ...op.i32Const(BLOCK), ...op.i32Add, ...op.set(P)],
    ...[...op.get(OUT), ...op.i32Const(4), ...op.i32Add, ...op.set(OUT)],
    ...[...op.br(0), ...op.end, ...op.end, ...op.end],
  ];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const body = [1, 2, V128, ...markBody()];
  return new Uint8Array([
    ...header,
    ...section(1, [1, 0x60, 3, I32, I32, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('mark'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
