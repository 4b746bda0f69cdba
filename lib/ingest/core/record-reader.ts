import type { Code, Detail } from './catalogue.ts';
import type { CoreOptions, RecordBatch } from './contract.ts';
import { excerptOf, Findings } from './findings.ts';
import { type FrameFault, Frames } from './frames.ts';
import { faultPath } from './path.ts';
import { RecordContext } from './record.ts';
import { codeOfFault, columnOf, explainFault } from './syntax.ts';
import { NODE, TYPE } from './tape.ts';

/**
 * Reads the records of a batch one after the other: finds them, scans them, and reports what is no JSON. What is left to
 * the caller is a record that is an object, or an array that may be a list of messages.
 */
export class RecordReader {
  readonly record: RecordContext;
  private readonly options: CoreOptions;
  private frames: Frames;
  private findings: Findings;

  constructor(options: CoreOptions) {
    this.options = options;
    this.findings = new Findings();
    this.record = new RecordContext(options, this.findings);
    this.frames = new Frames(this.record, EMPTY, options);
  }

  /** Records found so far in the batch, unreadable ones included. */
  sourceRecords = 0;
  rejected = 0;

  /** Begins a batch. Returns where its findings are collected. */
  load(batch: RecordBatch): Findings {
    this.findings = new Findings();
    this.record.findings = this.findings;
    this.record.cells = batch.cells === true;
    this.record.inArray = batch.framing === 'elements';
    this.frames = new Frames(this.record, batch, this.options);
    this.record.scanner.forgetKeys();
    this.spansLines = batch.framing !== 'lines';
    this.sourceRecords = 0;
    this.rejected = 0;
    return this.findings;
  }
  private spansLines = false;

  /** Moves to the next readable record. False at the end of the batch. */
  next(): boolean {
    const { record, frames } = this;
    const { scanner, tape, workspace } = record;
    while (frames.next()) {
      this.sourceRecords++;
      tape.clear();
      workspace.resetScratch();
      scanner.newlines = 0;
      const root = scanner.scan(frames.start, this.spansLines);
      if (root < 0) {
        this.reportFault();
        frames.skip();
      } else {
        const end = scanner.end;
        const fault = frames.accept(end, scanner.newlines);
        record.begin(root, frames.number, frames.line);
        if (fault === undefined) {
          if (this.isUsable(end - frames.start)) return true;
        } else {
          this.reportTrailing(fault, end);
          frames.skip();
        }
      }
      this.rejected++;
    }
    return false;
  }

  private isUsable(size: number): boolean {
    const { record, options } = this;
    if (size > options.maxRecordBytes) {
      record.report('E_RECORD_TOO_LARGE', record.root, { limit: `${options.maxRecordBytes} bytes` });
      return false;
    }
    const type = record.tape.type(record.root);
    if (type === TYPE.object || type === TYPE.array || (type === TYPE.string && record.inArray)) return true;
    const hint =
      type === TYPE.string ? 'The line is JSON inside a string: parse it once more before writing it.' : undefined;
    record.reportWithHint('E_RECORD_TYPE', record.root, { found: record.nameOfType(record.root) }, hint);
    return false;
  }

  /** Looks for line, column and path only when the finding is listed: a file may be nothing but faults. */
  private reportFault(): void {
    const { record, frames } = this;
    const { scanner, workspace, tape } = record;
    if (!this.findings.count(codeOfFault(scanner.fault))) return;
    const { line, lineStart } = frames.faultLine(scanner.faultAt);
    const { code, detail, hint } = explainFault(workspace, scanner.fault, scanner.faultAt, lineStart);
    const path = faultPath(workspace, tape, scanner.faultPath());
    const named = code === 'E_JSON_DUPLICATE_KEY' ? { key: record.text(tape.length - NODE).slice(0, 60) } : detail;
    this.list(code, named, hint, { line, path, at: scanner.faultAt });
  }

  private reportTrailing(fault: FrameFault, end: number): void {
    if (!this.findings.count('E_JSON_SYNTAX')) return;
    const { line, lineStart } = this.frames.faultLine(end);
    const hint =
      fault === 'comma'
        ? 'These are fragments of a JSON array: remove the commas between the lines, or put [ and ] around all.'
        : 'Each line holds one record: nothing may follow it.';
    const column = columnOf(this.record.workspace, lineStart, end);
    this.list('E_JSON_SYNTAX', { column, problem: 'something stands after the record' }, hint, {
      line,
      path: '$',
      at: end,
    });
  }

  private list(
    code: Code,
    detail: Detail,
    hint: string | undefined,
    at: { line: number; path: string; at: number },
  ): void {
    const place = { line: at.line || null, record: this.frames.number, path: at.path, excerpt: this.excerptAt(at.at) };
    this.findings.add(code, place, detail, hint);
  }

  /** What stands around a fault. */
  private excerptAt(at: number): string | null {
    if (this.options.excerpts === false) return null;
    const { bytes, inputStart, inputEnd, view } = this.record.workspace;
    let from = Math.max(inputStart, this.frames.start, at - 24);
    while (from < at && (view.getUint8(from) & 0xc0) === 0x80) from++;
    return excerptOf(
      new TextDecoder().decode(bytes.subarray(from, Math.min(inputEnd, at + 40))).split('\n', 1)[0] ?? '',
    );
  }
}

const EMPTY: RecordBatch = { bytes: new Uint8Array(0), framing: 'lines', firstLine: 1, firstRecord: 1 };
