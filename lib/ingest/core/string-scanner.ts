import { markerFlags } from './markers.ts';
import { EDIT, FLAG, type Tape, TYPE } from './tape.ts';
import type { Workspace } from './workspace.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SIMPLE = 1;
const CONTROL = 2;
const UNICODE = 3;

/** Byte after a backslash: what it is. */
const ESCAPES = escapeTable();

function escapeTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const c of '"\\/nrt') table[c.charCodeAt(0)] = SIMPLE;
  for (const c of 'bf') table[c.charCodeAt(0)] = CONTROL;
  table['u'.charCodeAt(0)] = UNICODE;
  return table;
}

export type StringFault = 'unterminated' | 'control' | 'escape' | 'surrogate' | 'utf8';

/**
 * Reads JSON string tokens: checks escapes, control characters, surrogates and UTF-8 (RFC 3629), and measures the text in
 * the same pass. Only quotes, backslashes, control characters, non-ASCII bytes and what may begin a marker are looked at
 * one by one; the rest is skipped by the stops that the workspace knows, or four bytes at a time.
 */
export class StringScanner {
  fault: StringFault = 'unterminated';
  faultAt = 0;
  private readonly workspace: Workspace;
  private readonly tape: Tape;
  /** Set by everything but plain ASCII and two-character escapes. */
  private wide = false;
  private flags = 0;
  private extraUnits = 0;
  private extraBytes = 0;
  private astral = 0;
  private latin = 0;
  private cjk = 0;
  private other = 0;

  constructor(workspace: Workspace, tape: Tape) {
    this.workspace = workspace;
    this.tape = tape;
  }

  /** Reads the string whose first byte after the quote is at `from` into `node`. Returns the offset after it, or -1. */
  scan(from: number, node: number): number {
    const { view, stops, stopsEnd, inputStart } = this.workspace;
    let p = from;
    let shrink = 0;
    this.flags = TYPE.string;
    for (;;) {
      p = p < stopsEnd ? inputStart + nextStop(stops, p - inputStart) : nextStopByWords(view, p);
      const c = view.getUint8(p);
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        const kind = ESCAPES[view.getUint8(p + 1)] as number;
        if (kind === SIMPLE) {
          this.flags |= FLAG.escaped;
          shrink++;
          p += 2;
          continue;
        }
        p = this.rareEscape(p, kind);
      } else if (c >= 0x80) {
        p = this.wideRun(p);
      } else if (c >= 0x20) {
        this.flags |= markerFlags(view, p, c);
        p++;
      } else {
        return this.fail(p === this.workspace.inputEnd ? 'unterminated' : 'control', p);
      }
      if (p < 0) return -1;
    }
    this.write(node, from, p, shrink);
    return p + 1;
  }

  private write(node: number, from: number, to: number, shrink: number): void {
    const tape = this.tape;
    tape.reserve();
    const cells = tape.cells;
    cells[node] = this.flags;
    cells[node + 1] = from;
    cells[node + 2] = to;
    tape.flags |= this.flags;
    if (this.wide) {
      this.writeWide(node, to - from - shrink);
    } else if (shrink > 0) {
      cells[node + 3] = tape.addInfo(to - from - shrink, 0, to - from - shrink);
    } else {
      cells[node + 3] = -1;
    }
  }

  private writeWide(node: number, units: number): void {
    const tape = this.tape;
    const row = tape.addInfo(units - this.extraUnits, this.astral, units - this.extraBytes);
    tape.info[row + 3] = this.latin;
    tape.info[row + 4] = this.cjk;
    tape.info[row + 5] = this.other;
    tape.cells[node + 3] = row;
    this.clearWide();
  }

  private clearWide(): void {
    this.wide = false;
    this.extraUnits = 0;
    this.extraBytes = 0;
    this.astral = 0;
    this.latin = 0;
    this.cjk = 0;
    this.other = 0;
  }

  private fail(fault: StringFault, at: number): -1 {
    this.fault = fault;
    this.faultAt = at;
    this.clearWide();
    return -1;
  }

  /** `\b`, `\f` and `\u....`. */
  private rareEscape(at: number, kind: number): number {
    this.flags |= FLAG.escaped;
    this.wide = true;
    if (kind === CONTROL) {
      this.flags |= FLAG.control;
      this.extraUnits++;
      this.extraBytes++;
      return at + 2;
    }
    if (kind !== UNICODE) return this.fail('escape', at);
    const unit = hex4(this.workspace.view, at + 2);
    if (unit < 0) return this.fail('escape', at);
    if ((unit & 0xf800) === 0xd800) return this.surrogates(at, unit);
    this.count(unit, 6, utf8Length(unit));
    return at + 6;
  }

  private surrogates(at: number, high: number): number {
    const view = this.workspace.view;
    const isPair = high < 0xdc00 && view.getUint8(at + 6) === BACKSLASH && view.getUint8(at + 7) === 0x75;
    const low = isPair ? hex4(view, at + 8) : -1;
    if (low < 0xdc00 || low > 0xdfff) return this.fail('surrogate', at);
    this.count(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12, 4);
    return at + 12;
  }

  /** Characters outside ASCII, up to the next ASCII byte. */
  private wideRun(from: number): number {
    const view = this.workspace.view;
    this.wide = true;
    let p = from;
    for (let lead = view.getUint8(p); lead >= 0x80; lead = view.getUint8(p)) {
      const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      const code =
        length === 2 ? decode2(view, p, lead) : length === 3 ? decode3(view, p, lead) : decode4(view, p, lead);
      if (code < 0) return this.fail('utf8', p);
      if (code === 0x2028 || code === 0x2029) this.lineSeparator(p, code);
      this.count(code, length, length);
      p += length;
    }
    return p;
  }

  private lineSeparator(at: number, code: number): void {
    this.flags |= FLAG.lineSeparator;
    this.tape.addEdit(at, at + 3, code === 0x2028 ? EDIT.lineSeparator : EDIT.paragraphSeparator);
  }

  /** One code point that takes `sourceBytes` in the source and `bytes` in UTF-8. */
  private count(code: number, sourceBytes: number, bytes: number): void {
    this.extraUnits += sourceBytes - 1;
    this.extraBytes += sourceBytes - bytes;
    if (code < 0x80) {
      if (code < 0x20 && code !== 9 && code !== 10 && code !== 13) this.flags |= code === 0 ? FLAG.nul : FLAG.control;
      if (code === 0x3c) this.flags |= FLAG.escapedMarker;
    } else if (code < 0x250) {
      this.latin++;
    } else if (isCjk(code)) {
      this.cjk++;
    } else {
      this.other++;
      if (code === 0xfffd) this.flags |= FLAG.replacement;
    }
    if (code > 0xffff) this.astral++;
  }
}

/** The first stop at or after bit `from`. The last word has all bits set. */
function nextStop(stops: Int32Array, from: number): number {
  let index = from >>> 5;
  let word = (stops[index] as number) & (-1 << (from & 31));
  while (word === 0) word = stops[++index] as number;
  return (index << 5) + 31 - Math.clz32(word & -word);
}

/** The first stop at or after an offset, found four bytes at a time. */
function nextStopByWords(view: DataView, from: number): number {
  for (let p = from; ; p += 4) {
    const stops = stopBits(view.getInt32(p, true));
    if (stops !== 0) return p + ((31 - Math.clz32(stops & -stops)) >> 3);
  }
}

/** The high bit of each byte that must leave the fast loop. No carry crosses a byte, so each bit is exact. */
function stopBits(word: number): number {
  const low = word & 0x7f7f7f7f;
  const notQuote = (low ^ 0x22222222) + 0x7f7f7f7f;
  const notControl = low + 0x60606060;
  // Low five bits 1a to 1d: : z ; [ { < \ | = ] }
  const notMarker = ((((low & 0x1f1f1f1f) + 0x06060606) & 0x3c3c3c3c) ^ 0x20202020) + 0x7f7f7f7f;
  return ~(notQuote & notControl & notMarker & ~word) & -2139062144;
}

function hex4(view: DataView, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const c = view.getUint8(at + i);
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66 ? (c | 0x20) - 0x57 : -1;
    if (digit < 0) return -1;
    value = (value << 4) | digit;
  }
  return value;
}

function utf8Length(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
}

function decode2(view: DataView, at: number, lead: number): number {
  const b = view.getUint8(at + 1);
  return lead >= 0xc2 && (b & 0xc0) === 0x80 ? ((lead & 0x1f) << 6) | (b & 0x3f) : -1;
}

function decode3(view: DataView, at: number, lead: number): number {
  const b = view.getUint8(at + 1);
  if ((b & 0xc0) !== 0x80) return -1;
  const c = view.getUint8(at + 2);
  if ((c & 0xc0) !== 0x80) return -1;
  const code = ((lead & 0x0f) << 12) | ((b & 0x3f) << 6) | (c & 0x3f);
  return code < 0x800 || (code & 0xf800) === 0xd800 ? -1 : code;
}

function decode4(view: DataView, at: number, lead: number): number {
  const b = view.getUint8(at + 1);
  if (lead > 0xf4 || (b & 0xc0) !== 0x80) return -1;
  const c = view.getUint8(at + 2);
  if ((c & 0xc0) !== 0x80) return -1;
  const d = view.getUint8(at + 3);
  if ((d & 0xc0) !== 0x80) return -1;
  const code = ((lead & 0x07) << 18) | ((b & 0x3f) << 12) | ((c & 0x3f) << 6) | (d & 0x3f);
  return code < 0x10000 || code > 0x10ffff ? -1 : code;
}

/** Scripts that tokenisers cut into about one token a character. */
export function isCjk(code: number): boolean {
  if (code < 0x2e80) return false;
  return (
    code < 0xa4d0 ||
    (code >= 0xac00 && code < 0xd7b0) ||
    (code >= 0xf900 && code < 0xfb00) ||
    (code >= 0xff00 && code < 0xfff0) ||
    (code >= 0x20000 && code < 0x40000)
  );
}
