import { type Code, type Detail, entryOf } from './catalogue.ts';
import type { CoreOptions } from './contract.ts';
import { ConversationReader } from './conversation.ts';
import { excerptOf, type Findings, type Place } from './findings.ts';
import { KEY_COUNT, type Key, SHAPE_HIGH, SHAPE_LOW } from './keys.ts';
import type { ObjectFields } from './object-fields.ts';
import { newPartFields } from './parts.ts';
import { pathTo } from './path.ts';
import { Scanner } from './scanner.ts';
import { NODE, Tape, TYPE } from './tape.ts';
import { decodeToScratch, rangeText, SCRATCH_PAD, sameText, textOf } from './text.ts';
import { describeFields } from './unrecognised.ts';
import { createVectors } from './vectors.ts';
import { Workspace } from './workspace.ts';

const LONGEST_EXCERPT_BYTES = 400;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [TYPE.string]: 'a string',
  [TYPE.number]: 'a number',
  [TYPE.true]: 'true',
  [TYPE.false]: 'false',
  [TYPE.null]: 'null',
  [TYPE.object]: 'an object',
  [TYPE.array]: 'an array',
};

/**
 * The record at hand: its tape, its top-level fields by known key, and where findings about it go. One of it serves a
 * whole batch processor; nothing in it outlives the record.
 */
export class RecordContext {
  readonly workspace: Workspace = new Workspace(createVectors());
  readonly tape: Tape = new Tape();
  readonly scanner: Scanner = new Scanner(this.workspace, this.tape);
  readonly options: CoreOptions;
  readonly conversations: ConversationReader = new ConversationReader(this);
  readonly partFields: ObjectFields = newPartFields();
  /** Strings come from CSV cells. */
  cells = false;
  /** Records are elements of a JSON array. */
  inArray = false;
  root = 0;
  number = 0;
  line = 0;
  /** Known keys that the record has at its top level. */
  presentCount = 0;
  /** Which of the keys that formats are told by are there, one bit each. */
  shapeLow = 0;
  shapeHigh = 0;
  /** An error has been reported for the record. */
  rejected = false;
  findings: Findings;
  private readonly fields = new Int32Array(KEY_COUNT).fill(-1);
  private readonly used = new Uint8Array(KEY_COUNT);
  private readonly present = new Int32Array(KEY_COUNT);
  /** Values parsed out of strings: their node, and the string's. */
  private readonly nested: { node: number; host: number }[] = [];

  constructor(options: CoreOptions, findings: Findings) {
    this.options = options;
    this.findings = findings;
  }

  /** Takes the scanned value as the record. */
  begin(root: number, number: number, line: number): void {
    this.root = root;
    this.number = number;
    this.line = line;
    this.rejected = false;
    if (this.nested.length > 0) this.nested.length = 0;
    for (let i = 0; i < this.presentCount; i++) {
      const id = this.present[i] as number;
      this.fields[id] = -1;
      this.used[id] = 0;
    }
    this.presentCount = 0;
    this.shapeLow = 0;
    this.shapeHigh = 0;
    if (this.tape.type(root) === TYPE.object) this.index(root);
  }

  private index(root: number): void {
    const tape = this.tape;
    const limit = tape.limit(root);
    for (let key = root + NODE; key < limit; key = tape.after(key + NODE)) {
      const id = tape.keyId(key);
      if (id !== 0) this.setField(id, key + NODE);
    }
  }

  /** Value node of a top-level field, or -1. */
  field(keyId: number): number {
    return this.fields[keyId] as number;
  }

  presentKey(index: number): Key {
    return this.present[index] as number;
  }

  has(keyId: number): boolean {
    return (this.fields[keyId] as number) >= 0;
  }

  /** A top-level field stands for another one: header case, a field parsed from a cell. */
  setField(keyId: number, node: number): void {
    if ((this.fields[keyId] as number) < 0) this.present[this.presentCount++] = keyId;
    this.fields[keyId] = node;
    this.shapeLow |= SHAPE_LOW[keyId] as number;
    this.shapeHigh |= SHAPE_HIGH[keyId] as number;
  }

  isText(keyId: number): boolean {
    const node = this.field(keyId);
    return node >= 0 && this.tape.isString(node);
  }

  /** A top-level field that is there and not null. */
  isGiven(keyId: number): boolean {
    const node = this.field(keyId);
    return node >= 0 && this.tape.type(node) !== TYPE.null;
  }

  typeOf(keyId: number): number {
    const node = this.field(keyId);
    return node < 0 ? 0 : this.tape.type(node);
  }

  /** The field has been given its canonical place: it is no leftover. Returns its value node, or -1. */
  claim(keyId: number): number {
    const node = this.field(keyId);
    if (node >= 0) this.used[keyId] = 1;
    return node;
  }

  isClaimed(keyId: number): boolean {
    return this.used[keyId] === 1;
  }

  text(node: number): string {
    return textOf(this.workspace, this.tape, node);
  }

  /** A scalar as the source spells it. */
  sourceText(node: number): string {
    return new TextDecoder().decode(this.workspace.bytes.subarray(this.tape.start(node), this.tape.end(node)));
  }

  textEquals(a: number, b: number): boolean {
    return sameText(this.workspace, this.tape, a, b);
  }

  nameOfType(node: number): string {
    return TYPE_NAMES[this.tape.type(node)] ?? 'nothing';
  }

  /** Reports something about a node. `suffix` points below it, to what is absent. */
  report(code: Code, node: number, detail: Detail = {}, suffix = ''): void {
    if (!this.count(code)) return;
    const hint = code === 'E_FIELD_MISSING' ? describeFields(this, node) : undefined;
    this.findings.add(code, this.place(node, suffix), detail, hint);
  }

  /** Reports with a hint of its own. */
  reportWithHint(code: Code, node: number, detail: Detail, hint: string | undefined): void {
    if (!this.count(code)) return;
    this.findings.add(code, this.place(node, ''), detail, hint);
  }

  /** Reports something about a field, listed once for each name. */
  reportOnce(code: Code, node: number, name: () => string, kept = ''): void {
    const field = name();
    if (this.findings.countNamed(code, field)) this.findings.add(code, this.place(node, ''), { field, kept });
  }

  private count(code: Code): boolean {
    if (entryOf(code).severity === 'error') this.rejected = true;
    return this.findings.count(code);
  }

  private place(node: number, suffix: string): Place {
    return {
      line: this.line || null,
      record: this.number,
      path: this.path(node) + suffix,
      excerpt: this.excerpt(node),
    };
  }

  path(node: number): string {
    let host = node;
    for (const nested of this.nested) if (node >= nested.node) host = nested.host;
    if (host !== node) return this.path(host);
    return pathTo(this.workspace, this.tape, this.root, node);
  }

  private excerpt(node: number): string | null {
    if (this.options.excerpts === false || this.tape.isContainer(node)) return null;
    const start = this.tape.start(node);
    const end = this.tape.end(node);
    if (end - start > LONGEST_EXCERPT_BYTES) return excerptOf(this.partialText(start));
    return excerptOf(rangeText(this.workspace, start, end));
  }

  /** Beginning of a long string, cut where neither an escape nor a character is split. */
  private partialText(start: number): string {
    const raw = new TextDecoder().decode(this.workspace.bytes.subarray(start, start + LONGEST_EXCERPT_BYTES));
    return raw.slice(0, -12).replaceAll('\\n', ' ').replaceAll('\\"', '"');
  }

  /** Puts a text into the scratch space as JSON string content. For texts that no source range spells. */
  addScratchText(text: string): { start: number; end: number } {
    const json = JSON.stringify(text).slice(1, -1).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
    const bytes = new TextEncoder().encode(json);
    const { workspace } = this;
    workspace.reserveScratch(bytes.length);
    const start = workspace.scratch;
    workspace.bytes.set(bytes, start);
    workspace.scratch = start + bytes.length;
    return { start, end: workspace.scratch };
  }

  /**
   * Parses the JSON that a string holds, once. Returns its node, whose paths are the string's, or -1 when the text is not
   * one JSON value.
   */
  parseInside(node: number): number {
    return this.parseScratch(node, decodeToScratch(this.workspace, this.tape.start(node), this.tape.end(node)));
  }

  /** Parses JSON text. `host` is the source node that paths name for it. Returns -1 when it is not one JSON value. */
  parseText(host: number, text: string): number {
    const bytes = new TextEncoder().encode(text);
    const { workspace } = this;
    workspace.reserveScratch(bytes.length + SCRATCH_PAD);
    const start = workspace.scratch;
    workspace.bytes.set(bytes, start);
    workspace.bytes.fill(0, start + bytes.length, start + bytes.length + SCRATCH_PAD);
    workspace.scratch = start + bytes.length + SCRATCH_PAD;
    return this.parseScratch(host, { start, end: start + bytes.length });
  }

  /** Parses JSON that stands in the scratch space. `host` is the source node that paths name for it. */
  private parseScratch(host: number, range: { start: number; end: number }): number {
    const lengthBefore = this.tape.length;
    const from = skipSpaces(this.workspace.view, range.start, range.end);
    const parsed = from < range.end ? this.scanner.scan(from, true) : -1;
    if (parsed < 0 || skipSpaces(this.workspace.view, this.scanner.end, range.end) !== range.end) {
      this.tape.length = lengthBefore;
      return -1;
    }
    this.nested.push({ node: parsed, host });
    return parsed;
  }
}

function skipSpaces(view: DataView, from: number, end: number): number {
  let p = from;
  while (p < end && isSpace(view.getUint8(p))) p++;
  return p;
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}
