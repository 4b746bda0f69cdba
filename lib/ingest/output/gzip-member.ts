import { crc32 } from 'node:zlib';

/** No name, no time, operating system unknown: the same content gives the same bytes on every machine. */
export const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** An empty final deflate block (fixed codes) ends the stream after any number of flushed blocks. */
const FINAL_BLOCK = [3, 0];

/** The checksum that a gzip member needs, gathered block by block. */
export class GzipChecksum {
  #crc = 0;
  #size = 0;

  update(content: Uint8Array): void {
    this.#crc = crc32(content, this.#crc);
    this.#size = (this.#size + content.byteLength) % 2 ** 32;
  }

  /** What follows the last block: the end of the deflate data and the member's trailer. */
  end(): Uint8Array {
    const end = new Uint8Array(FINAL_BLOCK.length + 8);
    end.set(FINAL_BLOCK);
    const trailer = new DataView(end.buffer, FINAL_BLOCK.length);
    trailer.setUint32(0, this.#crc, true);
    trailer.setUint32(4, this.#size, true);
    return end;
  }
}
