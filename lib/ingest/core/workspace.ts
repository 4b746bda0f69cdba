import { hashBytes } from './hash.ts';
import { LITERAL_BYTES, type Literal } from './literals.ts';
import type { Vectors } from './vectors.ts';

/** Bytes that may be read past the end of the input: a word load at the last byte must stay inside the buffer. */
const PAD = 16;
const SHORT_COPY = 64;
/**
 * A multiple of eight, as batches begin at one: engines copy byte by byte between shared and other memory where the two
 * are not aligned to each other.
 */
const INPUT_START = (LITERAL_BYTES.length + 7) & -8;

/**
 * One buffer that holds, in this order, the literals, a batch's source bytes, scratch bytes of the record at hand, and
 * the batch's output. Every range of it can be copied to the output without making an object, and offsets of source and
 * scratch never change while the output grows.
 *
 * The byte after the input is always NUL, which stops every scanning loop.
 */
export class Workspace {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  inputStart = INPUT_START;
  inputEnd = INPUT_START;
  /** First free scratch byte. */
  scratch = 0;
  outputStart = 0;
  /** Where the next output byte goes. */
  output = 0;
  /** Stops of the strings in the input (see Vectors), counted from `inputStart`. */
  stops: Int32Array = new Int32Array(0);
  /** The stops are known for offsets below this one. */
  stopsEnd = 0;
  /** Output may be written below this offset. */
  private outputLimit = 0;
  private readonly vectors: Vectors | undefined;

  /** Without vectors, strings are read without knowing their stops beforehand: slower, with the same result. */
  constructor(vectors?: Vectors) {
    this.vectors = vectors;
  }

  /** Replaces all content. `bytes` is copied and may be reused by the caller. */
  load(batch: Uint8Array): void {
    const scratchStart = this.inputStart + batch.length + PAD;
    const scratchRoom = Math.max(4096, batch.length >> 2);
    this.outputStart = scratchStart + scratchRoom;
    const wanted = this.outputStart + batch.length + (batch.length >> 2) + 4096;
    if (this.bytes.length < wanted) this.replaceBuffer(new Uint8Array(wanted));
    this.bytes.set(LITERAL_BYTES, 0);
    this.bytes.set(batch, this.inputStart);
    this.inputEnd = this.inputStart + batch.length;
    this.bytes.fill(0, this.inputEnd, scratchStart);
    this.scratch = scratchStart;
    this.findStops();
    this.output = this.outputStart;
  }

  private findStops(): void {
    if (this.vectors === undefined) return;
    this.stops = this.vectors.findStops(this.bytes.subarray(this.inputStart, this.inputEnd));
    this.stopsEnd = this.inputEnd;
  }

  /** Forgets the scratch bytes of the record before. */
  resetScratch(): void {
    this.scratch = this.inputEnd + PAD;
  }

  /** Makes room for `size` more scratch bytes (and the padding after them) at `scratch`. */
  reserveScratch(size: number): void {
    const missing = this.scratch + size + PAD - this.outputStart;
    if (missing <= 0) return;
    const shift = missing + (this.outputStart >> 1);
    const larger = new Uint8Array(this.bytes.length + shift);
    larger.set(this.bytes.subarray(0, this.outputStart), 0);
    larger.set(this.bytes.subarray(this.outputStart, this.output), this.outputStart + shift);
    this.outputStart += shift;
    this.output += shift;
    this.replaceBuffer(larger);
  }

  /** Appends a range of this buffer to the output. */
  copy(start: number, end: number): void {
    const length = end - start;
    if (this.output + length > this.outputLimit) this.growOutput(length);
    if (length < SHORT_COPY) {
      this.copyWords(start, length);
    } else {
      this.bytes.copyWithin(this.output, start, end);
    }
    this.output += length;
  }

  literal(literal: Literal): void {
    this.copy(literal.start, literal.end);
  }

  byte(value: number): void {
    if (this.output >= this.outputLimit) this.growOutput(1);
    this.bytes[this.output++] = value;
  }

  /** Appends text that has no character outside ASCII. */
  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  /** The output written from `start` on, valid until the next batch is loaded. */
  takeOutput(start: number = this.outputStart): Uint8Array {
    return this.bytes.subarray(start, this.output);
  }

  /**
   * Writes the hash of each record of the output: `starts` are their offsets in it, and each ends with a line feed, which
   * does not count. Forgets the stops, so it comes after the batch's last record.
   */
  hashOutput(starts: Int32Array, hashes: Float64Array): void {
    this.stopsEnd = 0;
    if (this.vectors !== undefined) {
      this.vectors.hashRecords(this.takeOutput(), starts, hashes);
      return;
    }
    for (let i = 0; i < starts.length; i++) {
      const next = i + 1 < starts.length ? this.outputStart + (starts[i + 1] as number) : this.output;
      hashes[i] = hashBytes(this.view, this.outputStart + (starts[i] as number), next - 1);
    }
  }

  /** Writes whole words, so up to three bytes of garbage beyond the range, which the next write replaces. */
  private copyWords(start: number, length: number): void {
    const view = this.view;
    const to = this.output;
    for (let i = 0; i < length; i += 4) view.setInt32(to + i, view.getInt32(start + i, true), true);
  }

  private growOutput(length: number): void {
    const larger = new Uint8Array(this.bytes.length * 2 + length + PAD);
    larger.set(this.bytes, 0);
    this.replaceBuffer(larger);
  }

  private replaceBuffer(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.outputLimit = bytes.length - PAD;
  }
}
