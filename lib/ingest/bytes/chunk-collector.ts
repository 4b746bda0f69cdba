/** Chunks of at least this size pass as they are: copying them would cost more than handling them one by one. */
const LARGE_BYTES = 4 << 10;
const COLLECTED_BYTES = 64 << 10;

/**
 * Puts small chunks together. Whoever sends a file byte by byte would otherwise make every step behind pay, in time and
 * in memory, for a million chunks.
 */
export class ChunkCollector {
  #bytes: Uint8Array | undefined;
  #length = 0;

  /** What is ready to go on, in order. Its memory is not used again. */
  add(chunk: Uint8Array): Uint8Array[] {
    if (chunk.byteLength >= LARGE_BYTES) return [...this.flush(), chunk];
    const full = this.#length + chunk.byteLength > COLLECTED_BYTES ? this.flush() : [];
    this.#bytes ??= new Uint8Array(COLLECTED_BYTES);
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.byteLength;
    return full;
  }

  /** What was kept back. Call it at the end of the stream. */
  flush(): Uint8Array[] {
    if (this.#length === 0) return [];
    const ready = this.#bytes?.subarray(0, this.#length);
    this.#bytes = undefined;
    this.#length = 0;
    return ready === undefined ? [] : [ready];
  }
}
