import type { CoreOptions, RecordBatch } from './contract.ts';
import type { Findings } from './findings.ts';
import type { RecordContext } from './record.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Why the text between two records is not what it should be. */
export type FrameFault = 'trailing' | 'comma' | undefined;

/**
 * Walks over the records of a loaded batch. After `next()` returned true, the record's value begins at `start`; the caller
 * scans it and calls `accept()` or, after a fault, `skip()`, which both move to its end.
 */
export class Frames {
  /** Offset of the record's first byte. */
  start = 0;
  /** 1-based line and number of the record at `start`. */
  line = 0;
  number = 0;
  private readonly record: RecordContext;
  private readonly findings: Findings;
  private readonly batch: RecordBatch;
  private readonly lineInfos: boolean;
  private p: number;
  private nextLine: number;
  private nextNumber: number;

  constructor(record: RecordContext, batch: RecordBatch, { lineInfos = true }: Pick<CoreOptions, 'lineInfos'>) {
    this.record = record;
    this.findings = record.findings;
    this.batch = batch;
    this.lineInfos = lineInfos;
    record.workspace.load(batch.bytes);
    this.p = record.workspace.inputStart;
    this.nextLine = batch.firstLine;
    this.nextNumber = batch.firstRecord;
  }

  /** Moves to the next record. False at the end of the batch. */
  next(): boolean {
    const found = this.batch.framing === 'lines' ? this.findLine() : this.findValue();
    if (!found) return false;
    this.start = this.p;
    this.number = this.nextNumber++;
    this.line = this.batch.lines?.[this.number - this.batch.firstRecord] ?? this.nextLine;
    return true;
  }

  /** Line of a fault inside the record that begins at `start`, and where that line begins. */
  faultLine(at: number): { line: number; lineStart: number } {
    const { view } = this.record.workspace;
    let line = this.line;
    let lineStart = this.start;
    for (let p = this.start; p < at; p++) {
      if (view.getUint8(p) !== NEWLINE) continue;
      line++;
      lineStart = p + 1;
    }
    if (lineStart === this.start) lineStart = this.lineStart();
    return { line, lineStart };
  }

  /** The value ends at `end`. Returns what follows it wrongly, after which `skip()` is due. */
  accept(end: number, newlines: number): FrameFault {
    this.p = end;
    this.nextLine += newlines;
    if (this.batch.framing === 'values') return undefined;
    if (this.batch.framing === 'elements') return this.endElement();
    return this.endLine();
  }

  /** Passes a record that could not be read. */
  skip(): void {
    const { bytes, inputEnd } = this.record.workspace;
    if (this.batch.framing === 'lines') {
      const newline = bytes.indexOf(NEWLINE, this.start);
      this.p = newline < 0 || newline >= inputEnd ? inputEnd : newline + 1;
      this.nextLine = (this.batch.lines === undefined ? this.line : this.nextLine) + 1;
      return;
    }
    this.p = this.start;
    this.nextLine = this.line;
    this.skipValue();
  }

  private lineStart(): number {
    const { view, inputStart } = this.record.workspace;
    let p = this.start;
    while (p > inputStart && view.getUint8(p - 1) !== NEWLINE) p--;
    return p;
  }

  private findLine(): boolean {
    const { view, inputEnd } = this.record.workspace;
    let p = this.p;
    for (;;) {
      const c = view.getUint8(p);
      if (c > 0x20) break;
      if (c === NEWLINE) {
        this.listOnce('I_BLANK_LINES');
        this.nextLine++;
      } else if (p >= inputEnd) {
        return false;
      } else if (c !== 0x20 && c !== 0x09 && c !== RETURN) {
        break;
      }
      p++;
    }
    this.p = p;
    return true;
  }

  private findValue(): boolean {
    const { view, inputEnd } = this.record.workspace;
    const passesCommas = this.batch.framing === 'elements';
    let p = this.p;
    for (; p < inputEnd; p++) {
      const c = view.getUint8(p);
      if (c === NEWLINE) this.nextLine++;
      else if (c !== 0x20 && c !== 0x09 && c !== RETURN && !(passesCommas && c === COMMA)) break;
    }
    this.p = p;
    return p < inputEnd;
  }

  private endLine(): FrameFault {
    const { view, inputEnd } = this.record.workspace;
    let p = this.p;
    let c = view.getUint8(p);
    while (c === 0x20 || c === 0x09 || c === RETURN) c = view.getUint8(++p);
    this.p = p;
    if (c === NEWLINE) {
      if (view.getUint8(p - 1) === RETURN) this.listOnce('I_CRLF');
      this.p++;
      this.nextLine++;
      return undefined;
    }
    if (p >= inputEnd) return undefined;
    return c === COMMA ? 'comma' : 'trailing';
  }

  private endElement(): FrameFault {
    const { view, inputEnd } = this.record.workspace;
    let p = this.p;
    for (; p < inputEnd; p++) {
      const c = view.getUint8(p);
      if (c === NEWLINE) this.nextLine++;
      else if (c !== 0x20 && c !== 0x09 && c !== RETURN) break;
    }
    this.p = p;
    return p >= inputEnd || view.getUint8(p) === COMMA ? undefined : 'trailing';
  }

  /** Finds the end of a broken value by its brackets and quotes. */
  private skipValue(): void {
    const { view, inputEnd } = this.record.workspace;
    const isElement = this.batch.framing === 'elements';
    let depth = 0;
    let p = this.p;
    for (; p < inputEnd; p++) {
      const c = view.getUint8(p);
      if (c === NEWLINE) this.nextLine++;
      else if (c === QUOTE) p = this.skipString(p);
      else if (c === 0x7b || c === 0x5b) depth++;
      else if (c === 0x7d || c === 0x5d) depth--;
      if (isElement ? c === COMMA && depth <= 0 : depth <= 0) break;
    }
    this.p = isElement ? p : Math.min(p + 1, inputEnd);
  }

  /** Offset of the closing quote, or of the last byte. */
  private skipString(open: number): number {
    const { view, inputEnd } = this.record.workspace;
    for (let p = open + 1; p < inputEnd; p++) {
      const c = view.getUint8(p);
      if (c === BACKSLASH) p++;
      else if (c === QUOTE) return p;
      else if (c === NEWLINE) this.nextLine++;
    }
    return inputEnd - 1;
  }

  private listOnce(code: 'I_BLANK_LINES' | 'I_CRLF'): void {
    if (!this.lineInfos || !this.findings.count(code)) return;
    this.findings.add(code, { line: this.nextLine, record: null, path: null, excerpt: null }, {});
  }
}
