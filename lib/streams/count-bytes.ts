import { Transform } from 'node:stream';

/** Passes bytes on unchanged and tells `onChunk` the length of each piece. */
export function countBytes(onChunk: (lengthBytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      onChunk(chunk.length);
      callback(null, chunk);
    },
  });
}
