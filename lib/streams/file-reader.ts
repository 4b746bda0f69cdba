import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';

/** A file ended before the range that was asked of it: somebody truncated it. */
export class FileTruncatedError extends Error {
  constructor(missingBytes: number) {
    super(`The file ended ${missingBytes} bytes too early.`);
    this.name = 'FileTruncatedError';
  }
}

export interface FileReaderOptions {
  signal?: AbortSignal;
  /** What readers of the stream see instead of the system's own errors. */
  mapError?: (error: Error) => Error;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Bytes [start, end) of a file. Errors with FileTruncatedError when the file is shorter, never ends early silently.
 * Opens lazily, follows no symlink at the last step, and owns the handle it is given.
 */
export class FileReader extends Readable {
  private readonly source: string | FileHandle;
  private handle: FileHandle | undefined;
  private position: number;
  private readonly end: number;
  private readonly mapError: (error: Error) => Error;

  constructor(source: string | FileHandle, range: { start: number; end: number }, options: FileReaderOptions = {}) {
    super({ highWaterMark: CHUNK_BYTES });
    this.source = source;
    this.position = range.start;
    this.end = range.end;
    this.mapError = options.mapError ?? ((error) => error);
    // Not before the fields are set: a signal that has fired ends the stream at once.
    if (options.signal !== undefined) addAbortSignal(options.signal, this);
  }

  override _construct(callback: (error?: Error | null) => void): void {
    const opening =
      typeof this.source === 'string'
        ? open(this.source, constants.O_RDONLY | constants.O_NOFOLLOW)
        : Promise.resolve(this.source);
    opening.then((handle) => {
      this.handle = handle;
      callback();
    }, callback);
  }

  override _read(): void {
    const wanted = Math.min(CHUNK_BYTES, this.end - this.position);
    if (wanted <= 0 || this.handle === undefined) {
      this.push(null);
      return;
    }
    this.handle.read(Buffer.allocUnsafe(wanted), 0, wanted, this.position).then(
      ({ bytesRead, buffer }) => this.deliver(buffer.subarray(0, bytesRead)),
      (error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const closing = this.handle?.close() ?? Promise.resolve();
    const told = error === null ? null : this.mapError(error);
    closing.then(
      () => callback(told),
      (closeError) => callback(told ?? this.mapError(closeError)),
    );
  }

  private deliver(chunk: Buffer): void {
    if (chunk.length === 0) {
      this.destroy(new FileTruncatedError(this.end - this.position));
      return;
    }
    this.position += chunk.length;
    this.push(chunk);
  }
}
