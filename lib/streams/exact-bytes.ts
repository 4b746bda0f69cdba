import { Transform } from 'node:stream';

/** A stream was not as long as announced. */
export class LengthError extends Error {
  constructor(expectedBytes: number, seenBytes: number) {
    super(`The stream has ${seenBytes < expectedBytes ? 'fewer' : 'more'} bytes than the ${expectedBytes} announced.`);
    this.name = 'LengthError';
  }
}

/** Passes bytes on, and fails with LengthError before the first one too many or when it ends too early. */
export function exactBytes(expectedBytes: number): Transform {
  let seen = 0;
  const check = () => (seen === expectedBytes ? null : new LengthError(expectedBytes, seen));
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      seen += chunk.length;
      if (seen > expectedBytes) callback(check());
      else callback(null, chunk);
    },
    flush: (callback) => callback(check()),
  });
}
