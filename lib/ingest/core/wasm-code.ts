/** The bytes of WebAssembly: as much of its binary format as the vector functions need. */

export const I32 = 0x7f;
export const V128 = 0x7b;

export const op = {
  end: [0x0b],
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  br: (depth: number) => [0x0c, depth],
  brIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  /** Of 0 to 63. */
  i32Const: (value: number) => [0x41, value],
  i32GreaterEqual: [0x4f],
  i32Add: [0x6a],
  i32Or: [0x72],
  i32ShiftLeft: [0x74],
  i32Store: [0x36, 2, 0],
  load: (offset: number) => [0xfd, 0x00, 0, offset],
  store: (offset: number) => [0xfd, 0x0b, 0, offset],
  vector: (bytes: readonly number[]) => [0xfd, 0x0c, ...bytes],
  splat: (byte: number) => [0xfd, 0x0c, ...new Array<number>(16).fill(byte)],
  lookUp: [0xfd, 0x0e],
  equal: [0xfd, 0x23],
  notEqual: [0xfd, 0x24],
  and: [0xfd, 0x4e],
  or: [0xfd, 0x50],
  xor: [0xfd, 0x51],
  bitmask: [0xfd, 0x64],
  shiftBytesRight: [0xfd, 0x6d],
  shiftLeft: [0xfd, 0xab, 1],
  shiftRight: [0xfd, 0xad, 1],
  multiply: [0xfd, 0xb5, 1],
};

/** A function of three numbers that returns nothing. */
export interface WasmFunction {
  name: string;
  /** Vectors that it holds, numbered from 3 on. */
  vectors: number;
  body: readonly number[];
}

/** A module with one memory, exported as `memory`, and functions that work in it. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const count = functions.length;
  const bodies = functions.map(({ vectors, body }) => [1, vectors, V128, ...body]);
  const exported = functions.flatMap((one, index) => [...name(one.name), 0, index]);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, I32, I32, I32, 0]),
    ...section(3, [count, ...functions.map(() => 0)]),
    ...section(5, [1, 0, 1]),
    ...section(7, [1 + count, ...name('memory'), 2, 0, ...exported]),
    ...section(10, [count, ...bodies.flatMap((body) => [...unsigned(body.length), ...body])]),
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
