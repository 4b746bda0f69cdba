import { Readable } from 'node:stream';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { ObjectReader, ObjectStat } from '@/lib/storage/storage-service.ts';

export interface ResumingBodyOptions {
  first: ObjectReader;
  /** Bytes that the whole body has. */
  sizeBytes: number;
  /** A reader of the same object from so many bytes into the body. */
  reopen(offset: number, signal: AbortSignal): Promise<ObjectReader>;
  /** Waits before going on, or throws what the reader shall see. `advanced`: much came since the last failure. */
  beforeReopen(error: unknown, advanced: boolean, signal: AbortSignal): Promise<void>;
  context: StorageErrorContext;
}

/** Less than this between two failures is no progress: a store that drips must not keep a reader for ever. */
const ADVANCE_BYTES = 1024 * 1024;

/**
 * A body that outlives its connection: after a cut it goes on at the byte where it stopped, from the same object. When the
 * object was replaced meanwhile it fails instead: bytes of two objects are never mixed.
 */
export class ResumingBody extends Readable {
  private readonly options: ResumingBodyOptions;
  private readonly closing = new AbortController();
  private current: Readable;
  private received = 0;
  private receivedAtFailure = 0;

  constructor(options: ResumingBodyOptions) {
    super();
    this.options = options;
    this.current = options.first.body;
    this.attach();
  }

  override _read(): void {
    this.current.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.closing.abort();
    this.current.destroy();
    callback(error);
  }

  private attach(): void {
    const source = this.current;
    source.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (!this.push(chunk)) source.pause();
    });
    source.once('end', () => this.push(null));
    source.once('error', (error) => this.recover(error));
    source.pause();
  }

  private recover(error: unknown): void {
    this.goOn(error).catch((reason) => this.destroy(reason));
  }

  private async goOn(error: unknown): Promise<void> {
    if (this.destroyed) return;
    if (this.received >= this.options.sizeBytes) throw error;
    const advanced = this.received - this.receivedAtFailure >= ADVANCE_BYTES;
    this.receivedAtFailure = this.received;
    await this.options.beforeReopen(error, advanced, this.closing.signal);
    const { stat, body } = await this.options.reopen(this.received, this.closing.signal);
    this.current = body;
    this.attach();
    if (this.destroyed) body.destroy();
    else if (!isSame(stat, this.options.first.stat)) throw this.replaced();
    else body.resume();
  }

  private replaced(): StorageError {
    const detail = 'the object was replaced while it was read';
    return new StorageError('unavailable', { ...this.options.context, detail });
  }
}

function isSame(a: ObjectStat, b: ObjectStat): boolean {
  return a.sizeBytes === b.sizeBytes && a.etag === b.etag && a.versionId === b.versionId;
}
