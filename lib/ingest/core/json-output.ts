import { type Draft, SERIALISED } from './draft.ts';
import { LITERALS, type Literal } from './literals.ts';
import type { RecordContext } from './record.ts';
import { EDIT, FLAG, NODE } from './tape.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Writes JSON out of source ranges: without insignificant white space, raw line separators escaped. */
export class JsonOutput {
  private readonly record: RecordContext;
  private isFirst = true;

  constructor(record: RecordContext) {
    this.record = record;
  }

  literal(literal: Literal): void {
    this.record.workspace.literal(literal);
  }

  /** A source range. */
  range(start: number, end: number): void {
    const { workspace, tape } = this.record;
    const { edits, editLength } = tape;
    let from = start;
    for (let i = firstEdit(edits, editLength, start); i < editLength; i += 3) {
      const at = edits[i] as number;
      if (at >= end) break;
      workspace.copy(from, at);
      from = edits[i + 1] as number;
      this.replacement(edits[i + 2] as number);
    }
    workspace.copy(from, end);
  }

  /** A value as the source has it. */
  node(node: number): void {
    const { tape } = this.record;
    this.range(tape.tokenStart(node), tape.tokenEnd(node));
  }

  /** A value as JSON inside a JSON string, without the quotes around it. */
  serialised(node: number): void {
    const { tape } = this.record;
    const { edits, editLength } = tape;
    const end = tape.tokenEnd(node);
    let from = tape.tokenStart(node);
    for (let i = firstEdit(edits, editLength, from); i < editLength && (edits[i] as number) < end; i += 3) {
      this.escaped(from, edits[i] as number);
      from = edits[i + 1] as number;
      this.replacement(edits[i + 2] as number);
    }
    this.escaped(from, end);
  }

  /** Pieces of a draft as one string. */
  text(draft: Draft, from: number, to: number): void {
    const { workspace, tape } = this.record;
    workspace.byte(QUOTE);
    for (let i = from; i < to; i += 3) {
      const node = draft.pieces[i + 2] as number;
      const start = draft.pieces[i] as number;
      const end = draft.pieces[i + 1] as number;
      if (node <= SERIALISED) this.serialised(SERIALISED - node);
      else if (node >= 0 && !tape.has(node, FLAG.lineSeparator)) workspace.copy(start, end);
      else this.range(start, end);
    }
    workspace.byte(QUOTE);
  }

  quoted(text: string): void {
    const { workspace } = this.record;
    workspace.byte(QUOTE);
    workspace.ascii(text);
    workspace.byte(QUOTE);
  }

  /** Opens an object; `separate` then puts commas between its members. */
  openObject(): void {
    this.literal(LITERALS.openObject);
    this.isFirst = true;
  }

  closeObject(): void {
    this.literal(LITERALS.closeObject);
    this.isFirst = false;
  }

  /** Begins a member or an element. */
  separate(): void {
    if (!this.isFirst) this.literal(LITERALS.comma);
    this.isFirst = false;
  }

  /** Goes on after members that were written without `separate`. */
  resume(): void {
    this.isFirst = false;
  }

  /** A member as the source has it. */
  member(key: number): void {
    this.separate();
    this.node(key);
    this.literal(LITERALS.colon);
    this.node(key + NODE);
  }

  private replacement(kind: number): void {
    if (kind === EDIT.lineSeparator) this.literal(LITERALS.lineSeparator);
    else if (kind === EDIT.paragraphSeparator) this.literal(LITERALS.paragraphSeparator);
  }

  private escaped(start: number, end: number): void {
    const { workspace } = this.record;
    for (let p = start; p < end; p++) {
      const c = workspace.view.getUint8(p);
      if (c === QUOTE || c === BACKSLASH) workspace.byte(BACKSLASH);
      workspace.byte(c);
    }
  }
}

/** Place of the first edit that begins at or after `start`. */
function firstEdit(edits: Int32Array, length: number, start: number): number {
  let low = 0;
  let high = length / 3;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edits[middle * 3] as number) < start) low = middle + 1;
    else high = middle;
  }
  return low * 3;
}
