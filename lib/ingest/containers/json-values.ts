import type { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import type { RecordBatch } from '@/lib/ingest/core/contract.ts';
import { FatalFinding, finding } from '@/lib/ingest/fatal-finding.ts';
import { asBuffer } from '@/lib/streams/digest.ts';
import { BatchWriter } from './batch-writer.ts';
import type { FramedBatch, FrameOptions } from './framed-batch.ts';
import { type ScanStop, StructureScanner } from './structure-scanner.ts';

const LF = 10;

/** White space between two values goes along, for the line numbers in it; more than this is not carried around. */
const MAX_GAP_BYTES = 4096;

/** What the grammar allows next, between values. */
type Expected = 'valueOrEnd' | 'value' | 'separator';

/**
 * Cuts the elements of an array, or values that follow each other, into batches. A batch reaches from the start of its
 * first value to the end of its last. Separators are judged here, values by the core.
 */
export class ValueCutter {
  readonly #framing: 'elements' | 'values';
  readonly #options: FrameOptions;
  readonly #writer: BatchWriter;
  readonly #scanner = new StructureScanner();
  #expected: Expected = 'valueOrEnd';
  #line: number;
  /** In the current chunk; its length when there is none left. Those before are counted in `#line`. */
  #nextLineFeed = 0;
  #batchFirstLine: number;
  #valueLine = 0;
  /** Where the current value starts in the buffer. */
  #valueStart = 0;
  #lastValueEnd = 0;
  /** The current value was found too large: it is dropped until its end. */
  #skipping = false;
  #closed = false;
  #failure: FatalFinding | undefined;

  constructor(buffers: BatchBuffers, framing: 'elements' | 'values', options: FrameOptions & { firstLine: number }) {
    this.#framing = framing;
    this.#options = options;
    this.#writer = new BatchWriter(buffers, framing satisfies RecordBatch['framing']);
    this.#line = options.firstLine;
    this.#batchFirstLine = options.firstLine;
  }

  /** True when the array's closing bracket was met: push takes nothing more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Why nothing can be read on, once closed: to be thrown when what came before is handed over. */
  get failure(): FatalFinding | undefined {
    return this.#failure;
  }

  /** The line reached so far. */
  get line(): number {
    return this.#line;
  }

  /** Takes a chunk, and gives back how much of it was taken: all of it unless the array closed. */
  push(bytes: Uint8Array): number {
    const chunk = asBuffer(bytes);
    this.#nextLineFeed = indexOrEnd(chunk, 0);
    let copied = 0;
    let at = 0;
    while (at < chunk.byteLength && !this.#closed) {
      const stop = this.#scanner.next(chunk, at);
      copied = this.#handle(stop, chunk, copied);
      at = stop.event === 'valueEnd' || stop.event === 'chunkEnd' ? stop.at : stop.at + 1;
    }
    this.#countLines(chunk, at);
    return at;
  }

  take(): FramedBatch[] {
    return this.#writer.take();
  }

  /** The end of the file. An unended value counts as a record where values stand alone; the core says what it lacks. */
  finish(): FramedBatch[] {
    if (this.#scanner.inValue && !this.#skipping && this.#framing === 'values') {
      this.#writer.countRecord();
      this.#lastValueEnd = this.#writer.buffer.length;
    }
    this.#cut();
    return this.#writer.finish();
  }

  /** Records so far, for messages. */
  get records(): number {
    return this.#writer.nextRecord - 1;
  }

  #handle(stop: ScanStop, chunk: Buffer, copied: number): number {
    switch (stop.event) {
      case 'valueStart':
        return this.#startValue(chunk, stop.at, copied);
      case 'valueEnd':
        return this.#endValue(chunk, stop.at, copied);
      case 'separator':
        return this.#separate(chunk, stop.at, copied);
      case 'close':
        return this.#framing === 'elements' ? this.#close(chunk, stop.at) : this.#strayClose(chunk, stop.at, copied);
      case 'chunkEnd':
        return this.#endChunk(chunk, copied);
    }
  }

  #startValue(chunk: Buffer, at: number, copied: number): number {
    const lacksComma = this.#framing === 'elements' && this.#expected === 'separator';
    if (lacksComma) this.#reportSyntax(chunk, at, 'A comma is missing between two elements of the array.');
    const { buffer } = this.#writer;
    if (buffer.length + at - copied - this.#lastValueEnd > MAX_GAP_BYTES) this.#cut();
    this.#scanner.enter(chunk[at] ?? 0);
    this.#valueLine = this.#countLines(chunk, at);
    const begins = this.#writer.records === 0;
    const from = begins ? at : lacksComma ? this.#mend(chunk, { from: copied, at }, ONE_COMMA) : copied;
    if (begins) {
      this.#batchFirstLine = this.#valueLine;
      buffer.length = 0;
    }
    this.#valueStart = buffer.length + at - from;
    return from;
  }

  #endValue(chunk: Buffer, end: number, copied: number): number {
    this.#expected = 'separator';
    if (this.#skipping) {
      this.#skipping = false;
      return end;
    }
    const { buffer } = this.#writer;
    buffer.append(chunk, copied, end);
    if (buffer.length - this.#valueStart > this.#options.maxRecordBytes) {
      this.#rejectValue();
      this.#skipping = false;
      return end;
    }
    this.#writer.countRecord();
    this.#lastValueEnd = buffer.length;
    if (buffer.length >= this.#options.batchBytes) this.#cut();
    return end;
  }

  #separate(chunk: Buffer, at: number, copied: number): number {
    const isWanted = this.#expected === 'separator';
    this.#expected = 'value';
    if (this.#framing === 'elements') {
      if (!isWanted) this.#reportSyntax(chunk, at, 'An element is missing before this comma.');
      return copied;
    }
    this.#reportSyntax(chunk, at, 'A comma follows a value that stands alone.', FRAGMENTS_HINT);
    return this.#writer.records === 0 ? copied : this.#mend(chunk, { from: copied, at }, ONE_SPACE) + 1;
  }

  #close(chunk: Buffer, at: number): number {
    if (chunk[at] !== 0x5d) {
      this.#failure = new FatalFinding('E_JSON_SYNTAX', 'A closing brace stands where the array should go on or end.', {
        line: this.#countLines(chunk, at),
        hint: 'Look for a missing opening brace near this line.',
      });
    } else if (this.#expected === 'value') {
      this.#reportSyntax(chunk, at, 'A comma stands after the last element of the array.', 'Remove the last comma.');
    }
    this.#closed = true;
    return at + 1;
  }

  /** A closing bracket that nothing opened becomes a record of its own, which the core refuses. */
  #strayClose(chunk: Buffer, at: number, copied: number): number {
    this.#writer.buffer.append(chunk, this.#startValue(chunk, at, copied), at + 1);
    this.#scanner.leave();
    this.#writer.countRecord();
    this.#lastValueEnd = this.#writer.buffer.length;
    return at + 1;
  }

  #endChunk(chunk: Buffer, copied: number): number {
    const collecting = this.#scanner.inValue || this.#writer.records > 0;
    if (this.#skipping || !collecting) return chunk.byteLength;
    const { buffer } = this.#writer;
    buffer.append(chunk, copied, chunk.byteLength);
    if (!this.#scanner.inValue) {
      if (buffer.length - this.#lastValueEnd > MAX_GAP_BYTES) this.#cut();
    } else if (buffer.length - this.#valueStart > this.#options.maxRecordBytes) {
      this.#rejectValue();
    }
    return chunk.byteLength;
  }

  #rejectValue(): void {
    this.#cut();
    this.#writer.rejectOversized(this.#valueLine, this.#options.maxRecordBytes);
    this.#skipping = true;
  }

  #cut(): void {
    this.#writer.buffer.length = Math.min(this.#lastValueEnd, this.#writer.buffer.length);
    this.#writer.cut(this.#batchFirstLine, { lineStep: this.#valueLine === this.#batchFirstLine ? 0 : undefined });
    this.#lastValueEnd = 0;
    this.#valueStart = 0;
  }

  /** Counts the line feeds up to a position of the chunk and gives its line. */
  #countLines(chunk: Buffer, to: number): number {
    while (this.#nextLineFeed < to) {
      this.#line++;
      this.#nextLineFeed = indexOrEnd(chunk, this.#nextLineFeed + 1);
    }
    return this.#line;
  }

  /**
   * Puts the separator that belongs at `at` into the batch, so that the core sees a right one. To end the batch instead
   * would make one of each record where all commas are missing, which takes a minute a megabyte.
   */
  #mend(chunk: Buffer, { from, at }: { from: number; at: number }, separator: Uint8Array): number {
    const { buffer } = this.#writer;
    buffer.append(chunk, from, at);
    buffer.append(separator, 0, separator.byteLength);
    return at;
  }

  #reportSyntax(chunk: Buffer, at: number, message: string, hint?: string): void {
    if (this.#writer.isFull) this.#cut();
    const where = { line: this.#countLines(chunk, at), record: this.#writer.nextRecord, hint };
    this.#writer.report(finding('E_JSON_SYNTAX', 'error', message, where));
  }
}

function indexOrEnd(chunk: Buffer, from: number): number {
  const at = chunk.indexOf(LF, from);
  return at === -1 ? chunk.byteLength : at;
}

const ONE_COMMA = Buffer.from(',');
const ONE_SPACE = Buffer.from(' ');

const FRAGMENTS_HINT =
  'These are fragments of a JSON array: put [ before the first and ] after the last, or drop the commas.';
