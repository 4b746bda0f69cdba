import { type Draft, JOINT, SERIALISED } from './draft.ts';
import type { RecordContext } from './record.ts';
import { isCjk } from './string-scanner.ts';
import { EDIT, type TextSize } from './tape.ts';
import { rangeText } from './text.ts';

const JOINT_LENGTH = 2;

export function newSize(): TextSize {
  return { codePoints: 0, utf16: 0, bytes: 0, latin: 0, cjk: 0, other: 0 };
}

export function clearSize(size: TextSize): void {
  size.codePoints = 0;
  size.utf16 = 0;
  size.bytes = 0;
  size.latin = 0;
  size.cjk = 0;
  size.other = 0;
}

/** Adds the size of a draft's text. */
export function addPieces(record: RecordContext, draft: Draft, from: number, to: number, sum: TextSize): void {
  for (let i = from; i < to; i += 3) {
    const node = draft.pieces[i + 2] as number;
    if (node >= 0) record.tape.addSize(node, sum);
    else if (node <= SERIALISED) addAscii(jsonLength(record, SERIALISED - node), sum);
    else if (node === JOINT) addAscii(JOINT_LENGTH, sum);
    else addText(rangeText(record.workspace, draft.pieces[i] as number, draft.pieces[i + 1] as number), sum);
  }
}

export function addAscii(length: number, sum: TextSize): void {
  sum.codePoints += length;
  sum.utf16 += length;
  sum.bytes += length;
}

function addText(text: string, sum: TextSize): void {
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    sum.codePoints++;
    sum.utf16 += character.length;
    sum.bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code < 0x80) continue;
    if (code < 0x250) sum.latin++;
    else if (isCjk(code)) sum.cjk++;
    else sum.other++;
  }
}

/** Code points of a value's JSON text without insignificant white space. */
export function jsonLength(record: RecordContext, node: number): number {
  const { tape, workspace } = record;
  const start = tape.tokenStart(node);
  const end = tape.tokenEnd(node);
  let length = 0;
  let p = start;
  for (; p + 4 <= end; p += 4) {
    const word = workspace.view.getInt32(p, true);
    length +=
      (word & -2139062144) === 0 ? 4 : leads(word) + leads(word >>> 8) + leads(word >>> 16) + leads(word >>> 24);
  }
  for (; p < end; p++) length += leads(workspace.view.getUint8(p));
  return length - dropped(record, start, end);
}

/** 1 when the low byte begins a character. */
function leads(byte: number): number {
  return (byte & 0xc0) === 0x80 ? 0 : 1;
}

function dropped(record: RecordContext, start: number, end: number): number {
  const { edits, editLength } = record.tape;
  let bytes = 0;
  for (let i = 0; i < editLength; i += 3) {
    const at = edits[i] as number;
    if (at >= end) break;
    if (at >= start && edits[i + 2] === EDIT.drop) bytes += (edits[i + 1] as number) - at;
  }
  return bytes;
}
