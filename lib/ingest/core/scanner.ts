import { KEY_COUNT, KEY_MARKS, makeKey } from './keys.ts';
import { newScannedNumber, scanNumber } from './number-scanner.ts';
import { type StringFault, StringScanner } from './string-scanner.ts';
import { EDIT, FLAG, NODE, type Tape, TYPE } from './tape.ts';
import { decodeToScratch, sameText, textOf } from './text.ts';
import type { Workspace } from './workspace.ts';

export const MAX_DEPTH = 64;
/** Values and keys of one record. A record with more is not training data, and would cost memory without bound. */
export const MAX_NODES = 1_500_000;
/** Objects with more keys than this look for duplicates in a set instead of a list. */
const LIST_KEYS = 24;

export type ScanFault =
  | StringFault
  | 'value'
  | 'key'
  | 'colon'
  | 'comma'
  | 'trailing_comma'
  | 'number'
  | 'range'
  | 'duplicate'
  | 'depth'
  | 'nodes';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const NEWLINE = 0x0a;

const DONE = -1;
const FAILED = -2;

const WORDS = [
  { first: 0x74, rest: wordOf('true'), length: 4, type: TYPE.true },
  { first: 0x66, rest: wordOf('alse'), length: 5, type: TYPE.false },
  { first: 0x6e, rest: wordOf('null'), length: 4, type: TYPE.null },
] as const;

function wordOf(text: string): number {
  return new DataView(new TextEncoder().encode(text).buffer).getInt32(0, true);
}

/**
 * A strict JSON reader (RFC 8259) over bytes. It accepts what JSON.parse accepts, except for duplicate keys, lone
 * surrogates, numbers without a finite value, nesting beyond 64 and oversized records, and writes the value to the tape.
 */
export class Scanner {
  fault: ScanFault = 'value';
  faultAt = 0;
  /** Line feeds passed in white space. */
  newlines = 0;
  /** Offset after the value that was read last. */
  end = 0;
  private readonly workspace: Workspace;
  private readonly tape: Tape;
  private readonly strings: StringScanner;
  private readonly number = newScannedNumber();
  private spansLines = false;
  private depth = 0;
  private readonly open = new Int32Array(MAX_DEPTH + 1);
  private readonly keyBase = new Int32Array(MAX_DEPTH + 2);
  private keys = new Int32Array(256);
  private keyTop = 0;
  private readonly keySets: (Set<string> | undefined)[] = [];
  /** Where the key that followed a certain key last time stands, 0 where there was none, and its length with the quote. */
  private readonly guesses = new Int32Array(2 * KEY_COUNT);
  private readonly guessLengths = new Int32Array(2 * KEY_COUNT);
  private readonly guessCells = new Int32Array(2 * KEY_COUNT);
  private readonly guessHashes = new Int32Array(2 * KEY_COUNT);

  constructor(workspace: Workspace, tape: Tape) {
    this.workspace = workspace;
    this.tape = tape;
    this.strings = new StringScanner(workspace, tape);
  }

  /**
   * Reads the value at `from` (no white space before it) and appends it to the tape. Returns its node, or -1 with `fault`
   * and `faultAt`. With `spansLines`, line feeds are white space; without, they end the record.
   */
  scan(from: number, spansLines: boolean): number {
    const node = this.tape.length;
    this.spansLines = spansLines;
    this.depth = 0;
    this.keyTop = 0;
    let p = from;
    do {
      p = this.value(p);
      if (p >= 0) p = this.afterValue(p);
    } while (p >= 0);
    return p === DONE ? node : -1;
  }

  /** Nodes of the containers that are open at a fault, outermost first, with the key or index being read. */
  faultPath(): { node: number; key: number }[] {
    const path: { node: number; key: number }[] = [];
    for (let level = 1; level <= this.depth; level++) {
      const node = this.open[level] as number;
      const top = level === this.depth ? this.keyTop : (this.keyBase[level + 1] as number);
      const isObject = this.tape.type(node) === TYPE.object;
      path.push({ node, key: isObject && top > (this.keyBase[level] as number) ? (this.keys[top - 1] as number) : -1 });
    }
    return path;
  }

  /** Reads a scalar, or opens containers until the first scalar or empty container has been read. */
  private value(p: number): number {
    const view = this.workspace.view;
    for (;;) {
      const c = view.getUint8(p);
      if (c === QUOTE) return this.string(p);
      if (c === OPEN_OBJECT) {
        if (!this.push(p, TYPE.object)) return FAILED;
        p = this.skipSpace(p + 1);
        if (view.getUint8(p) === CLOSE_OBJECT) return this.pop(p);
        p = this.key(p, false);
        if (p < 0) return p;
      } else if (c === OPEN_ARRAY) {
        if (!this.push(p, TYPE.array)) return FAILED;
        p = this.skipSpace(p + 1);
        if (view.getUint8(p) === CLOSE_ARRAY) return this.pop(p);
      } else {
        return this.scalar(p, c);
      }
    }
  }

  /** Closes containers and passes a comma. Returns where the next value begins, DONE, or FAILED. */
  private afterValue(p: number): number {
    const view = this.workspace.view;
    for (;;) {
      if (this.depth === 0) {
        this.end = p;
        return DONE;
      }
      if (view.getUint8(p) <= 0x20) p = this.skipSpace(p);
      const c = view.getUint8(p);
      const isObject = this.tape.type(this.open[this.depth] as number) === TYPE.object;
      if (c === COMMA) {
        p = this.skipSpace(p + 1);
        if (isObject) return this.key(p, true);
        return view.getUint8(p) === CLOSE_ARRAY ? this.fail('trailing_comma', p) : p;
      }
      if (c !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) return this.fail('comma', p);
      p = this.pop(p);
    }
  }

  private push(p: number, type: number): boolean {
    if (this.depth === MAX_DEPTH) return this.fail('depth', p) > 0;
    const tape = this.tape;
    if (tape.length > MAX_NODES * NODE) return this.fail('nodes', p) > 0;
    tape.reserve();
    const node = tape.length;
    tape.cells[node] = type;
    tape.cells[node + 1] = p;
    tape.length = node + NODE;
    this.depth++;
    this.open[this.depth] = node;
    this.keyBase[this.depth] = this.keyTop;
    return true;
  }

  private pop(p: number): number {
    const node = this.open[this.depth] as number;
    const cells = this.tape.cells;
    cells[node + 2] = p + 1;
    cells[node + 3] = this.tape.length;
    this.keyTop = this.keyBase[this.depth] as number;
    if (this.keySets.length > this.depth) this.keySets.length = this.depth;
    this.depth--;
    return p + 1;
  }

  private string(p: number): number {
    const node = this.tape.length;
    const end = this.strings.scan(p + 1, node);
    if (end < 0) return this.fail(this.strings.fault, this.strings.faultAt);
    this.tape.length = node + NODE;
    if (node > MAX_NODES * NODE) return this.fail('nodes', p);
    return end;
  }

  private key(p: number, afterComma: boolean): number {
    const view = this.workspace.view;
    if (view.getUint8(p) !== QUOTE) {
      return this.fail(afterComma && view.getUint8(p) === CLOSE_OBJECT ? 'trailing_comma' : 'key', p);
    }
    const node = this.tape.length;
    const slot = this.guessSlot(afterComma);
    let end = this.guessedKey(p + 1, slot, node);
    if (end < 0) {
      end = this.string(p);
      if (end < 0) return end;
      this.nameKey(node);
      this.rememberKey(slot, node);
    }
    this.tape.keyMarks |= KEY_MARKS[this.tape.keyId(node)] as number;
    if (!this.addKey(node)) return this.fail('duplicate', p);
    if (view.getUint8(end) !== COLON) {
      end = this.skipSpace(end);
      if (view.getUint8(end) !== COLON) return this.fail('colon', end);
    }
    end++;
    return view.getUint8(end) <= 0x20 ? this.skipSpace(end) : end;
  }

  /** Forgets which keys follow which: the bytes that they were compared with are gone. */
  forgetKeys(): void {
    this.guesses.fill(0);
  }

  /** What a key is guessed by: the key before it in its object, or the one that its object belongs to. */
  private guessSlot(afterComma: boolean): number {
    const before = this.keyTop === 0 ? 0 : this.tape.keyId(this.keys[this.keyTop - 1] as number);
    return before * 2 + (afterComma ? 1 : 0);
  }

  /** Takes the guessed key when it stands at `at`. Returns the offset after it, or -1. */
  private guessedKey(at: number, slot: number, node: number): number {
    const guess = this.guesses[slot] as number;
    const length = this.guessLengths[slot] as number;
    if (guess === 0 || !sameWords(this.workspace.view, at, guess, length)) return -1;
    const { cells } = this.tape;
    if (node + 2 * NODE > cells.length) return -1;
    cells[node] = this.guessCells[slot] as number;
    cells[node + 1] = at;
    cells[node + 2] = at + length - 1;
    cells[node + 3] = this.guessHashes[slot] as number;
    this.tape.length = node + NODE;
    return at + length;
  }

  private rememberKey(slot: number, node: number): void {
    const { tape } = this;
    const start = tape.start(node);
    const isRare = tape.has(node, FLAG.escaped | FLAG.lineSeparator) || start >= this.workspace.inputEnd;
    this.guesses[slot] = isRare ? 0 : start;
    this.guessLengths[slot] = tape.end(node) + 1 - start;
    this.guessCells[slot] = tape.flagsOf(node);
    this.guessHashes[slot] = tape.extra(node);
  }

  private nameKey(node: number): void {
    const { tape, workspace } = this;
    if (!tape.has(node, FLAG.escaped)) {
      makeKey(tape, workspace.view, node, tape.start(node), tape.end(node));
      return;
    }
    const kept = workspace.scratch;
    const decoded = decodeToScratch(workspace, tape.start(node), tape.end(node));
    makeKey(tape, workspace.view, node, decoded.start, decoded.end);
    workspace.scratch = kept;
  }

  /** False when the object that is open has this key already. */
  private addKey(node: number): boolean {
    const base = this.keyBase[this.depth] as number;
    const { tape, workspace } = this;
    const top = this.keyTop;
    if (top - base >= LIST_KEYS) return this.addKeyToSet(node, base);
    const hash = tape.extra(node);
    for (let i = base; i < top; i++) {
      const other = this.keys[i] as number;
      if (tape.extra(other) === hash && sameText(workspace, tape, other, node)) return false;
    }
    if (top === this.keys.length) this.growKeys();
    this.keys[top] = node;
    this.keyTop = top + 1;
    return true;
  }

  /** For objects with many keys: a native set, whose hashes nobody can predict. */
  private addKeyToSet(node: number, base: number): boolean {
    const { tape, workspace } = this;
    let set = this.keySets[this.depth];
    if (set === undefined) {
      set = new Set();
      for (let i = base; i < this.keyTop; i++) set.add(textOf(workspace, tape, this.keys[i] as number));
      this.keySets[this.depth] = set;
    }
    const size = set.size;
    const isNew = set.add(textOf(workspace, tape, node)).size > size;
    this.keys[this.keyTop - 1] = node;
    return isNew;
  }

  private growKeys(): void {
    const larger = new Int32Array(this.keys.length * 2);
    larger.set(this.keys);
    this.keys = larger;
  }

  private scalar(p: number, c: number): number {
    if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.numeric(p);
    const view = this.workspace.view;
    for (const word of WORDS) {
      if (word.first !== c) continue;
      if (view.getInt32(p + word.length - 4, true) !== word.rest) break;
      this.write(word.type, p, p + word.length);
      return p + word.length;
    }
    return this.fail('value', p);
  }

  private numeric(p: number): number {
    const number = this.number;
    scanNumber(this.workspace.view, p, number);
    if (number.end < 0) return this.fail('number', p);
    if (!number.finite) return this.fail('range', p);
    if (this.tape.length > MAX_NODES * NODE) return this.fail('nodes', p);
    const flags = (number.integer ? FLAG.integer : 0) | (number.imprecise ? FLAG.imprecise : 0);
    this.write(TYPE.number | flags, p, number.end);
    return number.end;
  }

  private write(first: number, start: number, end: number): void {
    const tape = this.tape;
    tape.reserve();
    const node = tape.length;
    tape.cells[node] = first;
    tape.cells[node + 1] = start;
    tape.cells[node + 2] = end;
    tape.cells[node + 3] = 0;
    tape.flags |= first & FLAG.imprecise;
    tape.length = node + NODE;
  }

  private skipSpace(from: number): number {
    const view = this.workspace.view;
    let p = from;
    for (;;) {
      const c = view.getUint8(p);
      if (c === NEWLINE && this.spansLines) this.newlines++;
      else if (c !== 0x20 && c !== 0x09 && c !== 0x0d) break;
      p++;
    }
    if (p > from) this.tape.addEdit(from, p, EDIT.drop);
    return p;
  }

  private fail(fault: ScanFault, at: number): number {
    this.fault = fault;
    this.faultAt = at;
    if (this.keySets.length > 0) this.keySets.length = 0;
    return FAILED;
  }
}

/** Byte equality of two ranges of one to three, four or more bytes. */
function sameWords(view: DataView, a: number, b: number, length: number): boolean {
  if (length < 4) {
    const mask = (1 << (length * 8)) - 1;
    return ((view.getInt32(a, true) ^ view.getInt32(b, true)) & mask) === 0;
  }
  for (let i = 0; i + 4 < length; i += 4) if (view.getInt32(a + i, true) !== view.getInt32(b + i, true)) return false;
  return view.getInt32(a + length - 4, true) === view.getInt32(b + length - 4, true);
}
