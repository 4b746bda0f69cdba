/**
 * Buffers of batches, used again: the frame fills one, a thread reads it and leaves its result in it, the writer is done
 * with it, and it is filled anew. They are shared between the threads, not handed over: the engine counts every buffer
 * that changes hands as new memory, and collected the whole heap ten times for each 100 MB that passed.
 */
export class BatchBuffers {
  readonly #standardBytes: number;
  readonly #maxFree: number;
  readonly #free: SharedArrayBuffer[] = [];

  constructor(standardBytes: number, maxFree: number) {
    this.#standardBytes = standardBytes;
    this.#maxFree = maxFree;
  }

  take(): Uint8Array {
    return new Uint8Array(this.#free.pop() ?? new SharedArrayBuffer(this.#standardBytes));
  }

  /** Only buffers of the standard size are kept: a record of 30 MB must not occupy memory for the whole upload. */
  give(buffer: ArrayBufferLike): void {
    if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== this.#standardBytes) return;
    if (this.#free.length < this.#maxFree) this.#free.push(buffer);
  }
}

/** A byte buffer that grows by doubling. `bytes` may be replaced by a larger one on any append. */
export class GrowingBuffer {
  readonly #buffers: BatchBuffers;
  bytes: Uint8Array;
  length = 0;

  constructor(buffers: BatchBuffers) {
    this.#buffers = buffers;
    this.bytes = buffers.take();
  }

  append(chunk: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.bytes.set(start === 0 && end === chunk.byteLength ? chunk : chunk.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** Makes room for `sizeBytes` more. */
  reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.bytes.byteLength) return;
    const larger = new Uint8Array(new ArrayBuffer(Math.max(needed, this.bytes.byteLength * 2)));
    larger.set(this.bytes.subarray(0, this.length));
    this.#buffers.give(this.bytes.buffer);
    this.bytes = larger;
  }

  /** Hands the content over and starts with a fresh buffer. */
  detach(): Uint8Array {
    const content = this.bytes.subarray(0, this.length);
    this.bytes = this.#buffers.take();
    this.length = 0;
    return content;
  }
}
