import { type RunCall, type StorageCall, StorageLayer } from '@/lib/storage/layers/storage-layer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { PutOptions, ReplayableBody, StorageService, StoredObject } from '@/lib/storage/storage-service.ts';
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
 * time; with a journal it goes on where it was. A body that was handed out is never fetched again behind the reader's back.
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

  /** After an attempt whose outcome is unknown, the key may be taken by our own object: that is success. */
  override async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    let attempts = 0;
    const call = { operation: 'put', key, signal: options.signal } as const;
    return this.around(call, async (signal) => {
      attempts += 1;
      try {
        return await this.inner.put(key, body, { ...options, signal });
      } catch (error) {
        const own = attempts > 1 && StorageError.is(error, 'already_exists');
        const stored = own ? await this.ownObject(key, body, options) : undefined;
        if (stored === undefined) throw error;
        await options.journal?.clear();
        return stored;
      }
    });
  }

  protected async around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run(call.signal);
      } catch (error) {
        if (!(error instanceof StorageError) || error.retry !== 'safe') throw error;
        if (attempt >= this.options.maxAttempts || this.mustNotWait(error)) throw exhausted(error, attempt);
        await this.pause(attempt, error, call);
      }
    }
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
    const wanted = Object.entries(options.metadata ?? {});
    if (wanted.length === 0) return undefined;
    const found = await this.inner.stat(key, { signal: options.signal });
    const same = wanted.every(([name, value]) => found.metadata[name] === value);
    if (!same || found.sizeBytes !== body.sizeBytes) return undefined;
    return { key, sizeBytes: found.sizeBytes, versionId: found.versionId };
  }
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
