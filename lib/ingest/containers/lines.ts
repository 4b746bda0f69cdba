import type { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import { finding } from '@/lib/ingest/fatal-finding.ts';
import { asBuffer } from '@/lib/streams/digest.ts';
import { BatchWriter } from './batch-writer.ts';
import type { ContainerContext } from './container-context.ts';
import type { FramedBatch, FrameOptions, ScanLog } from './framed-batch.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;

/** JSONL: records end at LF only. A lone CR, U+2028 and their like never split (dataset-formats, section 3). */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  { log, frame, buffers }: Pick<ContainerContext, 'log' | 'frame' | 'buffers'>,
): AsyncGenerator<FramedBatch> {
  const cutter = new LineCutter(buffers, frame);
  for await (const chunk of source) {
    cutter.push(chunk);
    yield* cutter.take();
  }
  yield* cutter.finish(log);
}

/**
 * Cuts a byte stream into batches of whole lines. Where it cuts depends on the content alone. The native search for line
 * feeds does most of the work; memory is bounded by a batch and one record.
 */
export class LineCutter {
  readonly #options: FrameOptions;
  readonly #writer: BatchWriter;
  #batchFirstLine = 1;
  #line = 1;
  /** Where the current line starts in the buffer. */
  #lineStart = 0;
  #lineIsBlank = true;
  /** The current line was found too large: its bytes are dropped until its end. */
  #skipping = false;
  #lastByte = LF;
  #blankLines = 0;
  #crlfLines = 0;

  constructor(buffers: BatchBuffers, options: FrameOptions) {
    this.#options = options;
    this.#writer = new BatchWriter(buffers, 'lines');
  }

  push(bytes: Uint8Array): void {
    const chunk = asBuffer(bytes);
    let start = 0;
    let copied = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      if (end > 0 ? chunk[end - 1] === CR : this.#lastByte === CR) this.#crlfLines++;
      copied = this.#endLine(chunk, { start, copied, end });
      start = end + 1;
    }
    if (start < chunk.byteLength) this.#keepPartialLine(chunk, start, copied);
    else if (copied < start) this.#writer.buffer.append(chunk, copied, start);
    this.#lastByte = chunk[chunk.byteLength - 1] ?? this.#lastByte;
  }

  take(): FramedBatch[] {
    return this.#writer.take();
  }

  finish(log: ScanLog): FramedBatch[] {
    const unended = this.#skipping || this.#writer.buffer.length > this.#lineStart;
    if (unended && !this.#skipping) this.#countLine();
    this.#cut();
    this.#reportWhole(log, unended);
    return this.#writer.finish();
  }

  /** A whole line ends at `end`. Gives back up to where the chunk is in the buffer, or is done with. */
  #endLine(chunk: Buffer, { start, copied, end }: { start: number; copied: number; end: number }): number {
    if (this.#skipping) {
      this.#endSkipping();
      return end + 1;
    }
    if (this.#lineIsBlank) this.#lineIsBlank = isBlank(chunk, start, end);
    const { buffer } = this.#writer;
    const lineEnd = buffer.length + end - copied;
    if (lineEnd - this.#lineStart > this.#options.maxRecordBytes) {
      buffer.append(chunk, copied, end);
      this.#rejectLine();
      this.#endSkipping();
      return end + 1;
    }
    this.#countLine();
    this.#lineStart = lineEnd + 1;
    if (this.#lineStart < this.#options.batchBytes) return copied;
    buffer.append(chunk, copied, end + 1);
    this.#cut();
    return end + 1;
  }

  #countLine(): void {
    if (this.#lineIsBlank) this.#blankLines++;
    else this.#writer.countRecord();
    this.#line++;
    this.#lineIsBlank = true;
  }

  #keepPartialLine(chunk: Buffer, start: number, copied: number): void {
    if (this.#skipping) return;
    if (this.#lineIsBlank) this.#lineIsBlank = isBlank(chunk, start, chunk.byteLength);
    this.#writer.buffer.append(chunk, copied, chunk.byteLength);
    if (this.#writer.buffer.length - this.#lineStart > this.#options.maxRecordBytes) this.#rejectLine();
  }

  /** The lines before become a batch; the line itself is dropped and reading resumes after it. */
  #rejectLine(): void {
    const { buffer } = this.#writer;
    buffer.length = this.#lineStart;
    this.#cut();
    this.#writer.rejectOversized(this.#line, this.#options.maxRecordBytes);
    this.#skipping = true;
  }

  #endSkipping(): void {
    this.#skipping = false;
    this.#lineIsBlank = true;
    this.#line++;
    this.#batchFirstLine = this.#line;
  }

  #cut(): void {
    const dense = this.#line - this.#batchFirstLine === this.#writer.records;
    this.#writer.cut(this.#batchFirstLine, { lineStep: dense ? 1 : undefined });
    this.#batchFirstLine = this.#line;
    this.#lineStart = 0;
  }

  #reportWhole(log: ScanLog, unended: boolean): void {
    const note = (code: string, message: string) => log.findings.push(finding(code, 'info', message));
    if (this.#crlfLines > 0) note('I_CRLF', `${this.#crlfLines} lines end with CR LF; the CR is not part of records.`);
    if (this.#blankLines > 0) note('I_BLANK_LINES', `${this.#blankLines} blank lines were passed over.`);
    if (unended) note('I_NO_FINAL_NEWLINE', 'The last line does not end with a line feed.');
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== SPACE && byte !== TAB && byte !== CR) return false;
  }
  return true;
}
