/**
 * The compressor of datasets: deflate in pieces that can be inflated alone, by the encoder in `assembly/`. At the same
 * size it is faster than zlib's level 5: by a tenth to a half, as the text is (bench/README.md).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, deflateRawSync } from 'node:zlib';
import { projectRoot } from '@/lib/config/entry-points.ts';

/** What the compiled encoder offers; the contract of each function stands at its source, `assembly/encoder.ts`. */
export interface EncoderModule {
  memory: WebAssembly.Memory;
  open(): void;
  inputAt(): number;
  inputLimit(): number;
  outputAt(): number;
  deflate(input: number, size: number): number;
  frequenciesAt(): number;
  lengthsFor(symbols: number, maxBits: number): number;
}

/** The level that is Longshore's own encoder. The others are zlib's. */
export const OWN_LEVEL = 5;
/** A record may be larger than the encoder's memory: larger content is cut into pieces of this size. */
const PIECE_BYTES = 1 << 20;
const BUILT = 'dist/lib/ingest/deflate/encoder.wasm';

/**
 * An instance of the encoder, with memory of its own (about 5 MiB).
 *
 * @throws WebAssembly.CompileError or RangeError where this machine cannot run it; ENOENT when the server is not built.
 */
export function openEncoder(): EncoderModule {
  const module = new WebAssembly.Module(readFileSync(join(projectRoot(), BUILT)));
  const exports = new WebAssembly.Instance(module).exports as unknown as EncoderModule;
  exports.open();
  return exports;
}

/** Deflates blocks one after the other. Not to be shared between threads. */
export class BlockEncoder {
  readonly #encoder: EncoderModule | undefined;

  /** Without an encoder zlib does its work. */
  constructor(encoder: EncoderModule | undefined) {
    this.#encoder = encoder;
  }

  /** With the encoder, or with zlib alone where the machine has no WebAssembly with SIMD or no room for it. */
  static open(): BlockEncoder {
    try {
      return new BlockEncoder(openEncoder());
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError || error instanceof RangeError)) throw error;
      return new BlockEncoder(undefined);
    }
  }

  /**
   * A piece of a gzip member that can be inflated alone: it refers to nothing before it and ends with a full flush. The
   * result is valid until the next call. Level 1 to 9.
   */
  deflate(content: Uint8Array, level: number): Uint8Array {
    if (this.#encoder === undefined || level !== OWN_LEVEL) return deflateWithZlib(content, level);
    if (content.byteLength <= PIECE_BYTES) return encodePiece(this.#encoder, content);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < content.byteLength; at += PIECE_BYTES) {
      pieces.push(encodePiece(this.#encoder, content.subarray(at, at + PIECE_BYTES)).slice());
    }
    return Buffer.concat(pieces);
  }
}

/** Source and target are aligned to each other: the engine copies shared memory byte by byte otherwise. */
function encodePiece(encoder: EncoderModule, content: Uint8Array): Uint8Array {
  const input = encoder.inputAt() + (content.byteOffset & 7);
  const memory = new Uint8Array(encoder.memory.buffer);
  memory.set(content, input);
  const output = encoder.outputAt();
  return memory.subarray(output, output + encoder.deflate(input, content.byteLength));
}

function deflateWithZlib(content: Uint8Array, level: number): Uint8Array {
  return deflateRawSync(content, {
    level,
    memLevel: 9,
    finishFlush: constants.Z_FULL_FLUSH,
    chunkSize: Math.max(1 << 16, content.byteLength >> 1),
  });
}
