import { FLAG, type Tape } from './tape.ts';
import type { Workspace } from './workspace.ts';

const BACKSLASH = 0x5c;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What a two-character escape stands for, by its second byte. */
const ESCAPED: Readonly<Record<number, number>> = {
  34: 34,
  92: 92,
  47: 47,
  98: 8,
  102: 12,
  110: 10,
  114: 13,
  116: 9,
};

/** The text of a scanned string or key. Makes an object: for findings, keys and other rare paths. */
export function textOf(workspace: Workspace, tape: Tape, node: number): string {
  return rangeText(workspace, tape.start(node), tape.end(node));
}

/** The text of a range of JSON string content that has been scanned. */
export function rangeText(workspace: Workspace, start: number, end: number): string {
  const raw = decoder.decode(workspace.bytes.subarray(start, end));
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/**
 * Writes the text of a scanned string as UTF-8 into the scratch space, NUL-padded, and returns where it starts. It ends at
 * the workspace's new `scratch` minus `SCRATCH_PAD`.
 */
export function decodeToScratch(workspace: Workspace, start: number, end: number): { start: number; end: number } {
  workspace.reserveScratch(end - start + 2 * SCRATCH_PAD);
  const { bytes, view } = workspace;
  const from = workspace.scratch;
  let to = from;
  let p = start;
  while (p < end) {
    const c = view.getUint8(p);
    if (c !== BACKSLASH) {
      bytes[to++] = c;
      p++;
      continue;
    }
    const letter = view.getUint8(p + 1);
    if (letter !== 0x75) {
      bytes[to++] = ESCAPED[letter] ?? letter;
      p += 2;
      continue;
    }
    const code = codePointAt(view, p);
    to = writeUtf8(bytes, to, code);
    p += code > 0xffff ? 12 : 6;
  }
  bytes.fill(0, to, to + SCRATCH_PAD);
  workspace.scratch = to + SCRATCH_PAD;
  return { start: from, end: to };
}
export const SCRATCH_PAD = 8;

function codePointAt(view: DataView, at: number): number {
  const unit = hex(view, at + 2);
  if ((unit & 0xfc00) !== 0xd800) return unit;
  return 0x10000 + ((unit - 0xd800) << 10) + (hex(view, at + 8) - 0xdc00);
}

function hex(view: DataView, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const c = view.getUint8(at + i);
    value = (value << 4) | (c <= 0x39 ? c - 0x30 : (c | 0x20) - 0x57);
  }
  return value;
}

function writeUtf8(bytes: Uint8Array, to: number, code: number): number {
  if (code < 0x80) {
    bytes[to++] = code;
  } else if (code < 0x800) {
    bytes[to++] = 0xc0 | (code >> 6);
    bytes[to++] = 0x80 | (code & 0x3f);
  } else if (code < 0x10000) {
    bytes[to++] = 0xe0 | (code >> 12);
    bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[to++] = 0x80 | (code & 0x3f);
  } else {
    bytes[to++] = 0xf0 | (code >> 18);
    bytes[to++] = 0x80 | ((code >> 12) & 0x3f);
    bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[to++] = 0x80 | (code & 0x3f);
  }
  return to;
}

/** True when two strings stand for the same text, however they are escaped. */
export function sameText(workspace: Workspace, tape: Tape, a: number, b: number): boolean {
  if (tape.has(a, FLAG.escaped) || tape.has(b, FLAG.escaped)) {
    return textOf(workspace, tape, a) === textOf(workspace, tape, b);
  }
  return sameBytes(workspace.view, tape.start(a), tape.end(a), tape.start(b), tape.end(b));
}

export function sameBytes(view: DataView, startA: number, endA: number, startB: number, endB: number): boolean {
  if (endA - startA !== endB - startB) return false;
  let a = startA;
  let b = startB;
  for (; a + 4 <= endA; a += 4, b += 4) if (view.getInt32(a, true) !== view.getInt32(b, true)) return false;
  for (; a < endA; a++, b++) if (view.getUint8(a) !== view.getUint8(b)) return false;
  return true;
}
