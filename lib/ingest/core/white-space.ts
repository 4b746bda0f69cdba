import type { RecordContext } from './record.ts';

const BACKSLASH = 0x5c;
/** White space and characters without a mark on paper. */
const INVISIBLE = /^[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*$/;

/** True when a text is empty, or begins or ends with white space or something invisible. Looks at a few bytes only. */
export function touchesSpace(record: RecordContext, node: number): boolean {
  const start = record.tape.start(node);
  const end = record.tape.end(node);
  return (
    start === end ||
    beginsWithSpace(record.workspace.view, start, end) ||
    endsWithSpace(record.workspace.view, start, end)
  );
}

function beginsWithSpace(view: DataView, start: number, end: number): boolean {
  const c = view.getUint8(start);
  if (c === 0x20) return true;
  if (c === BACKSLASH) return isSpaceEscape(view.getUint8(start + 1));
  return c >= 0x80 && end - start >= 2 && mayBeSpace(view, start);
}

function endsWithSpace(view: DataView, start: number, end: number): boolean {
  const c = view.getUint8(end - 1);
  if (c === 0x20) return true;
  if (c >= 0x80) {
    let lead = end - 1;
    while (lead > start && (view.getUint8(lead) & 0xc0) === 0x80) lead--;
    return mayBeSpace(view, lead);
  }
  if (!isSpaceEscape(c) && !isHex(c)) return false;
  return endsWithEscape(view, start, end);
}

/** True when the last characters are an escape of white space or any \u escape, not an escaped backslash and a letter. */
function endsWithEscape(view: DataView, start: number, end: number): boolean {
  const isUnicode = end - start >= 6 && view.getUint8(end - 5) === 0x75;
  const at = isUnicode && view.getUint8(end - 6) === BACKSLASH ? end - 6 : end - 2;
  if (at < start || (at === end - 2 && !isSpaceEscape(view.getUint8(end - 1)))) return false;
  let backslashes = 0;
  for (let p = at; p >= start && view.getUint8(p) === BACKSLASH; p--) backslashes++;
  return backslashes % 2 === 1;
}

/** n, t, r, b, f or u. */
function isSpaceEscape(c: number): boolean {
  return c === 0x6e || c === 0x74 || c === 0x72 || c === 0x75 || c === 0x62 || c === 0x66;
}

function isHex(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66);
}

/** Lead bytes of characters that may be white space or invisible. */
function mayBeSpace(view: DataView, at: number): boolean {
  const lead = view.getUint8(at);
  const next = view.getUint8(at + 1);
  if (lead === 0xc2) return next === 0xa0 || next === 0xad || next === 0x85;
  if (lead === 0xe1) return next === 0x9a || next === 0xa0;
  if (lead === 0xe2) return next === 0x80 || next === 0x81;
  if (lead === 0xe3) return next === 0x80 && view.getUint8(at + 2) === 0x80;
  return lead === 0xef && next === 0xbb;
}

/** True when a text has nothing but white space. */
export function isBlankText(record: RecordContext, node: number): boolean {
  const { view } = record.workspace;
  const end = record.tape.end(node);
  for (let p = record.tape.start(node); p < end; p++) {
    const c = view.getUint8(p);
    if (c === 0x20) continue;
    if (
      c === BACKSLASH &&
      (view.getUint8(p + 1) === 0x6e || view.getUint8(p + 1) === 0x74 || view.getUint8(p + 1) === 0x72)
    )
      p++;
    else return (c >= 0x80 || c === BACKSLASH) && record.text(node).trim() === '';
  }
  return true;
}

/** True when a text has nothing that can be seen. */
export function isInvisibleText(record: RecordContext, node: number): boolean {
  const c = record.workspace.view.getUint8(record.tape.start(node));
  return (c >= 0x80 || c === BACKSLASH || c === 0x20) && INVISIBLE.test(record.text(node));
}
