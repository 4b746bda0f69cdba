import type { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import { finding } from '@/lib/ingest/fatal-finding.ts';
import type { Finding } from '@/lib/ingest/types.ts';
import { BatchWriter } from './batch-writer.ts';
import type { FramedBatch, FrameOptions } from './framed-batch.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LONG_RUN_BYTES = 48;

/** Bytes that JSON strings must not hold as they are, with what stands for them. */
const ESCAPES: (Uint8Array | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) return undefined;
  return Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
});

/**
 * Makes one JSON line a row of files that are not JSON, cell by cell, and batches them with the source line of each. A
 * row is written as it is read; what it turns out to be is said at its end.
 */
export class RowBatcher {
  readonly #options: FrameOptions;
  readonly #cells: boolean;
  readonly #writer: BatchWriter;
  #lines: number[] = [];
  #rowStart = 0;
  #dropped = false;

  constructor(buffers: BatchBuffers, options: FrameOptions, { cells }: { cells: boolean }) {
    this.#options = options;
    this.#cells = cells;
    this.#writer = new BatchWriter(buffers, 'lines');
  }

  /** Appends bytes that are JSON already. */
  raw(bytes: Uint8Array): void {
    if (!this.#dropped) this.#writer.buffer.append(bytes, 0, bytes.byteLength);
  }

  /** Appends bytes [start, end) as the inside of a JSON string. */
  text(bytes: Uint8Array, start: number, end: number): void {
    if (this.#dropped) return;
    let plain = start;
    for (let at = start; at < end; at++) {
      const escaped = ESCAPES[bytes[at] ?? 0];
      if (escaped === undefined) continue;
      this.#copy(bytes, plain, at);
      this.#writer.buffer.append(escaped, 0, escaped.byteLength);
      plain = at + 1;
    }
    this.#copy(bytes, plain, end);
    if (this.rowBytes > this.#options.maxRecordBytes) this.#drop();
  }

  /** Bytes of the row so far. */
  get rowBytes(): number {
    return this.#writer.buffer.length - this.#rowStart;
  }

  /** Takes back what the row got since it had this many bytes. */
  rewindRow(rowBytes: number): void {
    if (!this.#dropped) this.#writer.buffer.length = this.#rowStart + rowBytes;
  }

  /** The row is a record. `line` is where it starts; 0 where lines mean nothing. */
  endRow(line: number): void {
    if (!this.#dropped && this.rowBytes > this.#options.maxRecordBytes) this.#drop();
    if (this.#dropped) {
      this.#writer.rejectOversized(line === 0 ? undefined : line, this.#options.maxRecordBytes);
      this.#dropped = false;
      return;
    }
    this.#writer.countRecord();
    this.#lines.push(line);
    this.#rowStart = this.#writer.buffer.length;
    if (this.#rowStart >= this.#options.batchBytes) this.#cut();
  }

  /** The row is no usable record. */
  rejectRow(line: number, problem: { code: string; message: string; hint: string }): void {
    this.#drop();
    this.#dropped = false;
    const where = { line, record: this.#writer.nextRecord, hint: problem.hint };
    this.report(finding(problem.code, 'error', problem.message, where));
    this.#writer.skipRecord();
  }

  /** The row was nothing, a blank line for example. */
  forgetRow(): void {
    this.#writer.buffer.length = this.#rowStart;
    this.#dropped = false;
  }

  report(found: Finding): void {
    this.#writer.report(found);
  }

  take(): FramedBatch[] {
    return this.#writer.take();
  }

  finish(): FramedBatch[] {
    this.#cut();
    return this.#writer.finish();
  }

  /** Frees what is there of the row: the rows before become a batch, the rest of this one is not kept. */
  #drop(): void {
    this.#writer.buffer.length = this.#rowStart;
    this.#cut();
    this.#dropped = true;
  }

  #cut(): void {
    const lines = Uint32Array.from(this.#lines);
    this.#writer.cut(lines[0] ?? 0, { lines, ...(this.#cells && { cells: true }) });
    this.#lines = [];
    this.#rowStart = 0;
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const { buffer } = this.#writer;
    if (end - start >= LONG_RUN_BYTES) {
      buffer.append(bytes, start, end);
      return;
    }
    buffer.reserve(end - start);
    const target = buffer.bytes;
    let length = buffer.length;
    for (let at = start; at < end; at++) target[length++] = bytes[at] ?? 0;
    buffer.length = length;
  }
}
