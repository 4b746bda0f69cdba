import { endHash, HASH_LANES, PRIME, startHash } from './hash.ts';
import { op, wasmModule } from './wasm-code.ts';

/**
 * What is done 32 bytes at a time, by two loops in WebAssembly, because JavaScript has no vector instructions. Where
 * WebAssembly or its vectors are missing or forbidden, the same is found in JavaScript.
 */
export interface Vectors {
  /**
   * Finds where reading a string must stop: quotes, backslashes, control characters, bytes outside ASCII, and characters
   * that may begin a marker. Bit `i & 31` of word `i >> 5` is set when byte `i` is one. The words are valid until the next
   * call of either function, and one word of set bits follows the last.
   */
  findStops(bytes: Uint8Array): Int32Array;
  /**
   * Writes the hash of each record in `bytes`, as `hashBytes` gives it: record `i` begins at `starts[i]` and ends with a
   * line feed, which does not count, before the next.
   */
  hashRecords(bytes: Uint8Array, starts: Int32Array, hashes: Float64Array): void;
}

const PAGE = 65_536;
/** Input begins here, after the lanes of a hash; the byte before it is read as the predecessor of the first. */
const INPUT = 48;
const BLOCK = 32;

/** For one thread, or undefined where there are no vector instructions. */
export function createVectors(): Vectors | undefined {
  try {
    const code = wasmModule([
      { name: 'mark', vectors: 10, body: markBody() },
      { name: 'hash', vectors: 3, body: hashBody() },
    ]);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code));
    const machine = instance.exports as unknown as Machine;
    return {
      findStops: (bytes) => findStops(machine, bytes),
      hashRecords: (bytes, starts, hashes) => hashRecords(machine, bytes, { starts, hashes }),
    };
  } catch {
    // No WebAssembly, no vectors, or a content security policy against it: the portable path does the same work.
    return undefined;
  }
}

interface Machine {
  memory: WebAssembly.Memory;
  mark: (from: number, to: number, out: number) => void;
  hash: (from: number, to: number, lanes: number) => void;
}

function findStops({ memory, mark }: Machine, bytes: Uint8Array): Int32Array {
  const blocks = Math.ceil(bytes.length / BLOCK);
  const out = INPUT + (blocks + 1) * BLOCK;
  makeRoom(memory, out + (blocks + 1) * 4);
  const input = new Uint8Array(memory.buffer, 0, out);
  input.set(bytes, INPUT);
  input.fill(0, INPUT + bytes.length);
  mark(INPUT - 1, INPUT - 1 + blocks * BLOCK, out);
  const words = new Int32Array(memory.buffer, out, blocks + 1);
  words[blocks] = -1;
  return words;
}

function hashRecords(
  { memory, hash }: Machine,
  bytes: Uint8Array,
  { starts, hashes }: { starts: Int32Array; hashes: Float64Array },
): void {
  makeRoom(memory, INPUT + bytes.length);
  new Uint8Array(memory.buffer).set(bytes, INPUT);
  const lanes = new Int32Array(memory.buffer, 0, HASH_LANES);
  const view = new DataView(memory.buffer);
  for (let i = 0; i < starts.length; i++) {
    const from = INPUT + (starts[i] as number);
    const end = INPUT + (i + 1 < starts.length ? (starts[i + 1] as number) : bytes.length) - 1;
    const blocksEnd = from + ((end - from) & -BLOCK);
    startHash(lanes, end - from);
    hash(from, blocksEnd, 0);
    hashes[i] = endHash(lanes, view, blocksEnd, end);
  }
}

function makeRoom(memory: WebAssembly.Memory, sizeBytes: number): void {
  const missing = sizeBytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
}

const [QUOTE, BACKSLASH, LESS_THAN, BRACE, BRACKET, COLON] = [0x22, 0x5c, 0x3c, 0x7b, 0x5b, 0x3a];
const [LETTER_M, LETTER_R, LETTER_T] = [0x6d, 0x72, 0x74];

/** Parameters, then vectors. */
const [P, END, OUT] = [0, 1, 2];
const [CURRENT, BEFORE, LOW, HIGH, NIBBLE, ZERO, COLONS, MS, RS, TS] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/**
 * A stop is told by its two halves: each half has a set of groups that it may belong to, and a byte is a stop when both
 * have one in common. Control characters and bytes from 0x80 on are told by the high half alone.
 */
function halves(): { low: number[]; high: number[] } {
  const low = new Array<number>(16).fill(1);
  const high = Array.from<unknown, number>({ length: 16 }, (_, half) => (half < 2 || half >= 8 ? 1 : 0));
  for (const byte of [QUOTE, LESS_THAN, BACKSLASH, BRACKET, BRACE]) {
    const group = 1 << ((byte >> 4) - 1);
    low[byte & 15] = (low[byte & 15] as number) | group;
    high[byte >> 4] = group;
  }
  return { low, high };
}

function isByte(vector: number, bytes: number): number[] {
  return [...op.get(vector), ...op.get(bytes), ...op.equal];
}

/**
 * Sixteen bits for the sixteen bytes at `offset + 1`. A colon counts after the letters that end `User`, `Bot`,
 * `Assistant` and `System`.
 */
function stopsAt(offset: number): number[] {
  return [
    ...[...op.get(P), ...op.load(offset), ...op.set(BEFORE)],
    ...[...op.get(P), ...op.load(offset + 1), ...op.set(CURRENT)],
    ...[...op.get(LOW), ...op.get(CURRENT), ...op.get(NIBBLE), ...op.and, ...op.lookUp],
    ...[...op.get(HIGH), ...op.get(CURRENT), ...op.i32Const(4), ...op.shiftBytesRight, ...op.lookUp, ...op.and],
    ...[...op.get(ZERO), ...op.notEqual],
    ...[...isByte(BEFORE, MS), ...isByte(BEFORE, RS), ...op.or, ...isByte(BEFORE, TS), ...op.or],
    ...[...isByte(CURRENT, COLONS), ...op.and, ...op.or, ...op.bitmask],
  ];
}

/** `mark(from, to, out)`: for each 32 bytes one word of bits. */
function markBody(): number[] {
  const { low, high } = halves();
  const constants: readonly [number, readonly number[]][] = [
    [LOW, op.vector(low)],
    [HIGH, op.vector(high)],
    ...([
      [NIBBLE, 15],
      [ZERO, 0],
      [COLONS, COLON],
      [MS, LETTER_M],
      [RS, LETTER_R],
      [TS, LETTER_T],
    ].map(([vector = 0, byte = 0]) => [vector, op.splat(byte)]) as [number, number[]][]),
  ];
  return [
    ...constants.flatMap(([vector, value]) => [...value, ...op.set(vector)]),
    ...[...op.block, ...op.loop],
    ...[...op.get(P), ...op.get(END), ...op.i32GreaterEqual, ...op.brIf(1)],
    ...[...op.get(OUT), ...stopsAt(0), ...stopsAt(16)],
    ...[...op.i32Const(16), ...op.i32ShiftLeft, ...op.i32Or, ...op.i32Store],
    ...[...op.get(P), ...op.i32Const(BLOCK), ...op.i32Add, ...op.set(P)],
    ...[...op.get(OUT), ...op.i32Const(4), ...op.i32Add, ...op.set(OUT)],
    ...[...op.br(0), ...op.end, ...op.end, ...op.end],
  ];
}

const [FROM, TO, LANES] = [0, 1, 2];
const [FIRST_FOUR, LAST_FOUR, PRIMES] = [3, 4, 5];

/** `hash(from, to, lanes)`: runs the eight lanes over whole blocks, as the loop of `hashBytes` does. */
function hashBody(): number[] {
  const prime = [0, 8, 16, 24].map((shift) => (PRIME >>> shift) & 255);
  return [
    ...[...op.vector([...prime, ...prime, ...prime, ...prime]), ...op.set(PRIMES)],
    ...[...op.get(LANES), ...op.load(0), ...op.set(FIRST_FOUR)],
    ...[...op.get(LANES), ...op.load(16), ...op.set(LAST_FOUR)],
    ...[...op.block, ...op.loop],
    ...[...op.get(FROM), ...op.get(TO), ...op.i32GreaterEqual, ...op.brIf(1)],
    ...[...hashStep(FIRST_FOUR, 0), ...hashStep(LAST_FOUR, 16)],
    ...[...op.get(FROM), ...op.i32Const(BLOCK), ...op.i32Add, ...op.set(FROM)],
    ...[...op.br(0), ...op.end, ...op.end],
    ...[...op.get(LANES), ...op.get(FIRST_FOUR), ...op.store(0)],
    ...[...op.get(LANES), ...op.get(LAST_FOUR), ...op.store(16)],
    ...op.end,
  ];
}

function hashStep(lanes: number, offset: number): number[] {
  return [
    ...[...op.get(lanes), ...op.get(FROM), ...op.load(offset), ...op.xor, ...op.tee(lanes)],
    ...[...op.i32Const(15), ...op.shiftLeft, ...op.get(lanes), ...op.i32Const(17), ...op.shiftRight, ...op.or],
    ...[...op.get(PRIMES), ...op.multiply, ...op.set(lanes)],
  ];
}
