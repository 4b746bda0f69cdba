import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { networkError } from '@/lib/storage/network-errors.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';

export interface ResponseBodyOptions {
  /** What the store announced; an end before or after it is `corrupt`. */
  expectedBytes: number | undefined;
  context: StorageErrorContext;
  signal?: AbortSignal;
}

/** The body of a store's answer, which fails with StorageError only, and never ends early as if it were complete. */
export function responseBody(source: Readable, options: ResponseBodyOptions): Readable {
  return pipeline(source, new ResponseBody(options), () => undefined);
}

class ResponseBody extends Transform {
  private readonly options: ResponseBodyOptions;
  private seenBytes = 0;

  constructor(options: ResponseBodyOptions) {
    super({ signal: options.signal });
    this.options = options;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.seenBytes += chunk.length;
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    const { expectedBytes, context } = this.options;
    const complete = expectedBytes === undefined || expectedBytes === this.seenBytes;
    const detail = `${this.seenBytes} bytes came instead of ${expectedBytes}`;
    callback(complete ? null : new StorageError('corrupt', { ...context, detail }));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error === null ? null : networkError(error, this.options.context));
  }
}
