import { Transform, type TransformCallback } from 'node:stream';

/**
 * Fails with `makeError()` when the source gives nothing for `idleMs`. Time in which the reader itself is behind (bytes
 * wait here unread) does not count: a slow consumer is not a dead producer.
 */
export class IdleTimeout extends Transform {
  private readonly idleMs: number;
  private readonly makeError: () => Error;
  private timer: NodeJS.Timeout;

  constructor(idleMs: number, makeError: () => Error) {
    super();
    this.idleMs = idleMs;
    this.makeError = makeError;
    this.timer = this.arm();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.timer.refresh();
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    clearTimeout(this.timer);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.timer);
    callback(error);
  }

  private arm(): NodeJS.Timeout {
    const timer = setTimeout(() => this.expire(), this.idleMs);
    timer.unref();
    return timer;
  }

  private expire(): void {
    if (this.readableLength > 0 || this.writableLength > 0) this.timer = this.arm();
    else this.destroy(this.makeError());
  }
}
