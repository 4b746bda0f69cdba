import { FatalFinding } from '@/lib/ingest/fatal-finding.ts';

/** Real datasets stay well under this: the most repetitive logs reach about 60. */
const MAX_RATIO = 250;
/** Small files may be as repetitive as they like. */
const HARMLESS_BYTES = 64 << 20;

/**
 * Watches what decompression makes of the uploaded bytes, through all layers together, and stops it when that is an
 * attack, not a dataset.
 */
export class ExpansionGuard {
  #packedBytes = 0;

  /** Counts the bytes that the outermost decompressor reads. */
  async *packed(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      this.#packedBytes += chunk.byteLength;
      yield chunk;
    }
  }

  /** Passes on what one layer gives. */
  async *unpacked(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let size = 0;
    for await (const chunk of stream) {
      size += chunk.byteLength;
      if (size > HARMLESS_BYTES && size > this.#packedBytes * MAX_RATIO) throw bomb(size, this.#packedBytes);
      yield chunk;
    }
  }
}

function bomb(unpacked: number, packed: number): FatalFinding {
  const message = `The compressed data grows more than ${MAX_RATIO} times: ${packed} bytes became ${unpacked}.`;
  return new FatalFinding('E_BOMB', message, {
    hint: 'Such files are refused because they can fill a server. Upload the data with less repetition.',
  });
}
