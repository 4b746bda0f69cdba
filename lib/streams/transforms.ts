import { createHash, type Hash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/** Passes bytes on unchanged and tells `onChunk` the length of each piece. */
export function countBytes(onChunk: (lengthBytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      onChunk(chunk.length);
      callback(null, chunk);
    },
  });
}

/** Fails with `makeError()` on the first byte past `maxBytes`; nothing past the limit is passed on. */
export function limitBytes(maxBytes: number, makeError: () => Error): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      seen += chunk.length;
      if (seen > maxBytes) callback(makeError());
      else callback(null, chunk);
    },
  });
}

/** Fails with `makeError(seen)` when the stream ends before, or goes past, `expectedBytes`. */
export function expectBytes(expectedBytes: number, makeError: (seenBytes: number) => Error): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      seen += chunk.length;
      if (seen > expectedBytes) callback(makeError(seen));
      else callback(null, chunk);
    },
    flush(callback) {
      callback(seen === expectedBytes ? null : makeError(seen));
    },
  });
}

/** Passes bytes on and hashes them. `digest()` and `sizeBytes` are meaningful once the stream has ended. */
export class HashTransform extends Transform {
  private readonly hash: Hash;
  sizeBytes = 0;

  constructor(algorithm = 'sha256') {
    super();
    this.hash = createHash(algorithm);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.hash.update(chunk);
    this.sizeBytes += chunk.length;
    callback(null, chunk);
  }

  /** Hex digest of everything that went through. Called once. */
  digest(): string {
    return this.hash.digest('hex');
  }
}
