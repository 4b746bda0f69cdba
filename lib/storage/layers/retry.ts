import { ResumingBody } from '@/lib/storage/layers/resuming-body.ts';
import { type RunCall, type StorageCall, StorageLayer } from '@/lib/storage/layers/storage-layer.ts';
import { isOwnObject } from '@/lib/storage/same-object.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ObjectReader,
  PutOptions,
  ReplayableBody,
  StorageService,
  StoredObject,
  UploadJournal,
} from '@/lib/storage/storage-service.ts';
import { memoryJournal, withRemains } from '@/lib/storage/upload-journal.ts';
import { sleep } from '@/lib/streams/abort.ts';

export interface RetryOptions {
  /** Attempts in all. Default 5. */
  maxAttempts?: number;
  /** Upper bound of the first pause; doubles with each attempt. Default 200. */
  baseDelayMs?: number;
  /** Default 20,000. A store's own Retry-After may ask for more, up to `maxRetryAfterMs`. */
  maxDelayMs?: number;
  /** A store that wants a longer pause than this is not waited for. Default 60,000. */
  maxRetryAfterMs?: number;
  random?: () => number;
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Repeats calls whose error says that repeating is safe, after a pause of full jitter. A put opens fresh readers each
 * time; with a journal it goes on where it was. A body that breaks off is gone on with at the byte where it stopped.
 */
export function retry(inner: StorageService, options: RetryOptions = {}): StorageService {
  return new RetryLayer(inner, options);
}

class RetryLayer extends StorageLayer {
  private readonly options: Required<RetryOptions>;

  constructor(inner: StorageService, options: RetryOptions) {
    super(inner);
    this.options = {
      maxAttempts: 5,
      baseDelayMs: 200,
      maxDelayMs: 20_000,
      maxRetryAfterMs: 60_000,
      random: Math.random,
      sleep,
      ...options,
    };
  }

  /**
   * Where the store can go on with an upload, attempts share a journal, and one that got further than all before it
   * counts as the first again. An upload that nobody will go on with is given up at the end.
   */
  override async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    const own = options.journal === undefined && this.capabilities.resumablePut ? memoryJournal() : undefined;
    const furthest = watchProgress(options.onProgress);
    const wanted = { ...options, journal: options.journal ?? own, onProgress: furthest.onProgress };
    try {
      return await this.putUntilDone(key, body, wanted, furthest.advanced);
    } catch (error) {
      throw own === undefined ? error : await this.giveUp(own, error);
    }
  }

  override async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    const first = await super.get(key, options);
    const { start, end } = options.range ?? { start: 0 };
    const sizeBytes = Math.min(end ?? first.stat.sizeBytes, first.stat.sizeBytes) - start;
    const call = { operation: 'get', key, signal: options.signal } as const;
    const versionId = options.versionId ?? first.stat.versionId;
    let attempt = 1;
    const body = new ResumingBody({
      first,
      sizeBytes,
      context: this.contextOf(call),
      reopen: (offset, signal) => super.get(key, { range: { start: start + offset, end }, versionId, signal }),
      beforeReopen: async (error, advanced, signal) => {
        if (options.signal?.aborted) throw error;
        attempt = advanced ? 2 : attempt + 1;
        await this.readyForNext(attempt - 1, error, { ...call, signal });
      },
    });
    return { stat: first.stat, body };
  }

  protected around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    return this.repeat(call, run, () => false);
  }

  /** After an attempt whose outcome is unknown, the key may be taken by our own object: that is success. */
  private putUntilDone(
    key: string,
    body: ReplayableBody,
    options: PutOptions,
    advanced: () => boolean,
  ): Promise<StoredObject> {
    let attempts = 0;
    const call = { operation: 'put', key, signal: options.signal } as const;
    const run = async () => {
      attempts += 1;
      try {
        return await this.inner.put(key, body, options);
      } catch (error) {
        const maybeOwn = attempts > 1 && StorageError.is(error, 'already_exists');
        const stored = maybeOwn ? await this.ownObject(key, body, options) : undefined;
        if (stored === undefined) throw error;
        await options.journal?.clear();
        return stored;
      }
    };
    return this.repeat(call, run, advanced);
  }

  private async repeat<T>(call: StorageCall, run: RunCall<T>, advanced: () => boolean): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run(call.signal);
      } catch (error) {
        if (advanced()) attempt = 1;
        await this.readyForNext(attempt, error, call);
      }
    }
  }

  /** Waits until the attempt after number `attempt` may begin, or throws the error that ends it all. */
  private async readyForNext(attempt: number, error: unknown, call: StorageCall): Promise<void> {
    if (!(error instanceof StorageError) || error.retry !== 'safe') throw error;
    if (attempt >= this.options.maxAttempts || this.mustNotWait(error)) throw exhausted(error, attempt);
    await this.pause(attempt, error, call);
  }

  private async giveUp(journal: UploadJournal, error: unknown): Promise<unknown> {
    const state = await journal.load();
    if (state === undefined) return error;
    return this.inner.abortUpload(state).then(
      () => error,
      (abortError) => withRemains(error, abortError),
    );
  }

  private mustNotWait(error: StorageError): boolean {
    return (error.retryAfterMs ?? 0) > this.options.maxRetryAfterMs;
  }

  private async pause(attempt: number, error: StorageError, call: StorageCall): Promise<void> {
    const { baseDelayMs, maxDelayMs, random } = this.options;
    const jittered = random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
    try {
      await this.options.sleep(Math.max(jittered, error.retryAfterMs ?? 0), call.signal);
    } catch (cause) {
      throw new StorageError('aborted', { ...this.contextOf(call), cause });
    }
  }

  /** Only metadata that names these very bytes proves that the object is ours; without any it stays somebody else's. */
  private async ownObject(key: string, body: ReplayableBody, options: PutOptions): Promise<StoredObject | undefined> {
    const found = await this.inner.stat(key, { signal: options.signal });
    if (!isOwnObject(found, body, options)) return undefined;
    return { key, sizeBytes: found.sizeBytes, versionId: found.versionId };
  }
}

/** Tells whether bytes were acknowledged since the last question that were not before. */
function watchProgress(tell: PutOptions['onProgress']) {
  let furthest = 0;
  let asked = 0;
  return {
    onProgress: (sentBytes: number) => {
      furthest = Math.max(furthest, sentBytes);
      tell?.(sentBytes);
    },
    advanced: () => {
      const moved = furthest > asked;
      asked = furthest;
      return moved;
    },
  };
}

function exhausted(error: StorageError, attempts: number): StorageError {
  const { provider, operation, key, retryAfterMs } = error;
  const detail = `${error.detail ?? error.code}, ${attempts} attempts`;
  return new StorageError(error.code, {
    provider,
    operation,
    key,
    detail,
    retryAfterMs,
    retry: 'exhausted',
    cause: error,
  });
}
