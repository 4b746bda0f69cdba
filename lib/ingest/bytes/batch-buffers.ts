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
    this.bytes.set(start === 0 && end === chunk.byteLength ? chunk : chunk.subarray(start, end), this.length);
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

  /** Hands the content over, with the buffer that it lies in. */
  detach(): Uint8Array {
    const content = this.bytes.subarray(0, this.length);
    this.bytes = NOTHING;
    this.length = 0;
    return content;
  }

  /** Forgets the content and gives the buffer back. */
  release(): void {
    if (this.bytes !== NOTHING) this.#buffers.give(this.bytes.buffer);
    this.detach();
  }
}
