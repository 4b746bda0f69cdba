import { LongshoreError } from '@/lib/errors.ts';
import { type Digest, DigestMeter } from '@/lib/streams/digest.ts';
import { ChunkCollector } from './chunk-collector.ts';

export interface MeterOptions {
  maxUploadBytes?: number;
  signal?: AbortSignal;
}

/**
 * The upload as it arrives: counted, hashed, bounded, and given up at once when the signal fires, even while the client
 * sends nothing. Small chunks come out put together.
 */
export class MeteredSource implements AsyncIterable<Uint8Array> {
  readonly #stream: AsyncIterable<Uint8Array>;
  readonly #options: MeterOptions;
  readonly #meter = new DigestMeter();
  #ended = false;

  constructor(stream: AsyncIterable<Uint8Array>, options: MeterOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  get sizeBytes(): number {
    return this.#meter.sizeBytes;
  }

  /** Size and hash of the whole upload; the hash is null when it was not read to its end. Call once. */
  result(): { sizeBytes: number; sha256: string | null } {
    const digest: Digest = this.#meter.result();
    return this.#ended ? digest : { sizeBytes: digest.sizeBytes, sha256: null };
  }

  /** @throws LongshoreError `upload_too_large` or `upload_aborted`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const reader = new AbortableReader(this.#stream, this.#options.signal);
    const collector = new ChunkCollector();
    try {
      for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
        this.#meter.update(chunk);
        this.#checkSize();
        yield* collector.add(chunk);
      }
      this.#ended = true;
      yield* collector.flush();
    } finally {
      reader.close();
    }
  }

  #checkSize(): void {
    const limit = this.#options.maxUploadBytes;
    if (limit === undefined || this.#meter.sizeBytes <= limit) return;
    throw new LongshoreError('upload_too_large', `The upload is larger than ${limit} bytes.`, {
      hint: 'Compress the file with gzip, split it, or raise MAX_UPLOAD_BYTES.',
      details: { limit_bytes: limit },
    });
  }
}

class AbortableReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#rejectPending(aborted(this.#signal?.reason));
  #rejectPending: (error: LongshoreError) => void = () => undefined;

  constructor(stream: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }

  next(): Promise<Uint8Array | undefined> {
    if (this.#signal?.aborted === true) return Promise.reject(aborted(this.#signal.reason));
    return new Promise((resolve, reject) => {
      this.#rejectPending = reject;
      this.#iterator.next().then(
        (step) => resolve(step.done === true ? undefined : step.value),
        (error) => reject(error instanceof LongshoreError ? error : aborted(error)),
      );
    });
  }

  /** Not awaited: a source that hangs would hold up its own removal. */
  close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#iterator.return?.().catch(() => undefined);
  }
}

function aborted(cause: unknown): LongshoreError {
  if (cause instanceof LongshoreError) return cause;
  return new LongshoreError('upload_aborted', 'The upload ended before it was complete; nothing of it was kept.', {
    hint: 'Send the file again; resumable uploads (TUS) go on where they stopped.',
    cause,
  });
}
