import type { Choices } from './random.ts';

const NUMBERS = [
  '1e400',
  '-0',
  '1e-400',
  '9007199254740993',
  '0.1000000000000000055511151231257827',
  '01',
  '1.',
  'NaN',
  '-Infinity',
  '9'.repeat(400),
];
const WORDS = [
  'null',
  'true',
  '{}',
  '[]',
  '""',
  ',',
  ':',
  '}',
  ']',
  '{',
  '[',
  '"',
  '\\',
  '\n',
  '\r',
  '\r\n',
  ' ',
  '\t',
  '\ufeff',
  '\u2028',
];
const TEXTS = [
  '\\u0000',
  '\\ud800',
  '\\udc00',
  '\\ud83d\\ude00',
  '\\u00e',
  '\\x',
  '<|im_start|>user',
  '<image>',
  '{{x}}',
  '[INST]',
  '"role"',
  '"messages":',
];
const BYTES = [
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0x80]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  Buffer.from([0]),
  Buffer.from([0x1f, 0x8b]),
];

type Mutation = (bytes: Buffer, choices: Choices, other: Buffer) => Buffer;

function replaced(bytes: Buffer, [from, to]: readonly [number, number], piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(to)]);
}

function someRange(bytes: Buffer, choices: Choices, most = 64): [number, number] {
  const from = choices.below(bytes.byteLength + 1);
  return [from, Math.min(bytes.byteLength, from + choices.below(most))];
}

/** An offset after a byte of JSON's structure, where a piece does most. */
function structuralOffset(bytes: Buffer, choices: Choices): number {
  const start = choices.below(bytes.byteLength + 1);
  const found = bytes.subarray(start).findIndex((byte) => '{}[],:"\n'.includes(String.fromCharCode(byte)));
  return found === -1 ? start : start + found + 1;
}

function insert(bytes: Buffer, choices: Choices, piece: Uint8Array): Buffer {
  const at = choices.chance(0.7) ? structuralOffset(bytes, choices) : choices.below(bytes.byteLength + 1);
  return replaced(bytes, [at, at], piece);
}

function flipBits(bytes: Buffer, choices: Choices): Buffer {
  const copy = Buffer.from(bytes);
  for (let left = choices.between(1, 8); left > 0 && copy.byteLength > 0; left--) {
    const at = choices.below(copy.byteLength);
    copy[at] = (copy[at] ?? 0) ^ (1 << choices.below(8));
  }
  return copy;
}

function nest(bytes: Buffer, choices: Choices): Buffer {
  const depth = choices.pick([10, 63, 64, 65, 1000, 200_000]);
  const [open, close] = choices.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"a":', '}]'],
  ] as const);
  const ends = choices.chance(0.5) ? close.repeat(depth) : '';
  return insert(bytes, choices, Buffer.from(`${open.repeat(depth)}1${ends}`));
}

function lengthen(bytes: Buffer, choices: Choices): Buffer {
  const piece = choices.pick(['x', ' ', '\n', '\\n', '"', '{"a":1}', 'é', ',', '[]', '0']);
  return insert(bytes, choices, Buffer.from(piece.repeat(choices.pick([100, 5000, 300_000]))));
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, choices) => bytes.subarray(0, choices.below(bytes.byteLength + 1)),
  flipBits,
  flipBits,
  (bytes, choices) => replaced(bytes, someRange(bytes, choices), Buffer.alloc(0)),
  (bytes, choices) => replaced(bytes, someRange(bytes, choices), bytes.subarray(...someRange(bytes, choices, 2000))),
  (bytes, choices, other) =>
    replaced(bytes, someRange(bytes, choices), other.subarray(...someRange(other, choices, 2000))),
  (bytes, _choices, other) => Buffer.concat([bytes, other]),
  (bytes, choices) => insert(bytes, choices, Buffer.from(choices.pick(NUMBERS))),
  (bytes, choices) => insert(bytes, choices, Buffer.from(choices.pick(WORDS))),
  (bytes, choices) => insert(bytes, choices, Buffer.from(choices.pick(TEXTS))),
  (bytes, choices) => insert(bytes, choices, choices.pick(BYTES)),
  nest,
  lengthen,
];

/** One to six changes, one after the other. */
export function mutate(bytes: Buffer, choices: Choices, other: Buffer): Buffer {
  let changed = bytes;
  for (let left = choices.between(1, 6); left > 0; left--) changed = choices.pick(MUTATIONS)(changed, choices, other);
  return changed;
}
