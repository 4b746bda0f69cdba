import { copyInto } from './copy-into.ts';

/**
 * Buffers of batches, used again: the frame fills one, a thread reads it and leaves its result in it, the writer is done
 * with it, and it is filled anew. They are shared between the threads, not handed over: the engine counts every buffer
 * that changes hands as new memory, and collected the whole heap ten times for each 100 MB that passed.
 */
export class BatchBuffers {
  readonly #standardBytes: number;
  readonly #maxFree: number;
  readonly #free: SharedArrayBuffer[] = [];
  #made = 0;

  constructor(standardBytes: number, maxFree: number) {
    this.#standardBytes = standardBytes;
    this.#maxFree = maxFree;
  }

  /** Buffers made so far: when they are given back in time, this stays at what is in flight at once. */
  get made(): number {
    return this.#made;
  }

  take(): Uint8Array {
    return new Uint8Array(this.#free.pop() ?? this.#make());
  }

  /** Only buffers of the standard size are kept: a record of 30 MB must not occupy memory for the whole upload. */
  give(buffer: ArrayBufferLike): void {
    if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== this.#standardBytes) return;
    if (this.#free.length < this.#maxFree) this.#free.push(buffer);
  }

  #make(): SharedArrayBuffer {
    this.#made++;
    return new SharedArrayBuffer(this.#standardBytes);
  }
}

/** Content that fills less than this share of its buffer is handed over in memory of its own size. */
const LEAST_FILL = 1 / 4;

const NOTHING = new Uint8Array(0);

/** A byte buffer that grows by doubling, and holds none while it is empty. Any append may replace `bytes` by a larger one. */
export class GrowingBuffer {
  readonly #buffers: BatchBuffers;
  bytes: Uint8Array = NOTHING;
  length = 0;

  constructor(buffers: BatchBuffers) {
    this.#buffers = buffers;
  }

  append(chunk: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    copyInto(this.bytes, this.length, start === 0 && end === chunk.byteLength ? chunk : chunk.subarray(start, end));
    this.length += end - start;
  }

  /** Makes room for `sizeBytes` more. */
  reserve(sizeBytes: number): void {
    if (this.bytes === NOTHING) this.bytes = this.#buffers.take();
    const needed = this.length + sizeBytes;
    if (needed <= this.bytes.byteLength) return;
    const larger = new Uint8Array(new ArrayBuffer(Math.max(needed, this.bytes.byteLength * 2)));
    larger.set(this.bytes.subarray(0, this.length));
    this.#buffers.give(this.bytes.buffer);
    this.bytes = larger;
  }

  /**
   * Hands the content over, with the buffer that it lies in. That is at most four times as large: many small batches
   * may wait at the same time, for a file that is cut at every record.
   */
  detach(): Uint8Array {
    const content = this.bytes.subarray(0, this.length);
    if (content.byteLength < this.bytes.byteLength * LEAST_FILL) {
      const small = content.slice();
      this.release();
      return small;
    }
    this.#forget();
    return content;
  }

  /** Forgets the content and gives the buffer back. */
  release(): void {
    if (this.bytes !== NOTHING) this.#buffers.give(this.bytes.buffer);
    this.#forget();
  }

  #forget(): void {
    this.bytes = NOTHING;
    this.length = 0;
  }
}
