import type { Code, Detail } from './catalogue.ts';
import type { CoreOptions, RecordBatch } from './contract.ts';
import { excerptOf, Findings } from './findings.ts';
import { type FrameFault, Frames } from './frames.ts';
import { faultPath } from './path.ts';
import { RecordContext } from './record.ts';
import { columnOf, explainFault } from './syntax.ts';
import { TYPE } from './tape.ts';

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
    this.frames = new Frames(this.record, this.findings, EMPTY);
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
    this.frames = new Frames(this.record, this.findings, batch);
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

  private reportFault(): void {
    const { record, frames } = this;
    const { scanner, workspace, tape } = record;
    const { line, lineStart } = frames.faultLine(scanner.faultAt);
    const report = explainFault(workspace, scanner.fault, scanner.faultAt, lineStart);
    const open = scanner.faultPath();
    const key = open.at(-1)?.key ?? -1;
    const detail =
      report.code === 'E_JSON_DUPLICATE_KEY' && key >= 0
        ? { key: duplicateName(record, tape.length - 4) }
        : report.detail;
    this.addFault(report.code, detail, report.hint, {
      line,
      path: faultPath(workspace, tape, open),
      at: scanner.faultAt,
    });
  }

  private reportTrailing(fault: FrameFault, end: number): void {
    const { line, lineStart } = this.frames.faultLine(end);
    const hint =
      fault === 'comma'
        ? 'These are fragments of a JSON array: remove the commas between the lines, or put [ and ] around all.'
        : 'Each line holds one record: nothing may follow it.';
    const detail = {
      column: columnOf(this.record.workspace, lineStart, end),
      problem: 'something stands after the record',
    };
    this.addFault('E_JSON_SYNTAX', detail, hint, { line, path: '$', at: end });
  }

  private addFault(
    code: Code,
    detail: Detail,
    hint: string | undefined,
    at: { line: number; path: string; at: number },
  ): void {
    if (!this.findings.count(code)) return;
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

function duplicateName(record: RecordContext, node: number): string {
  return record.text(node).slice(0, 60);
}

const EMPTY: RecordBatch = { bytes: new Uint8Array(0), framing: 'lines', firstLine: 1, firstRecord: 1 };
