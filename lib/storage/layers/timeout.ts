import { pipeline, type Readable } from 'node:stream';
import { type RunCall, type StorageCall, StorageLayer, timeoutBehind } from '@/lib/storage/layers/storage-layer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ObjectReader,
  PutOptions,
  ReadObject,
  ReadOptions,
  ReplayableBody,
  StorageService,
  StoredObject,
} from '@/lib/storage/storage-service.ts';
import { type LinkedAbort, linkAbort } from '@/lib/streams/abort.ts';
import { countBytes } from '@/lib/streams/count-bytes.ts';
import { IdleTimeout } from '@/lib/streams/idle-timeout.ts';

export interface TimeoutOptions {
  /** For small requests, and for a `get` until its first byte. Default 30,000. */
  requestTimeoutMs?: number;
  /** A put or a body that moves no byte for so long is dead. There is no limit on the whole. Default 120,000. */
  idleTimeoutMs?: number;
}

/** How long a call that was told to stop may take to do so before the caller is answered anyway. */
const STOP_GRACE_MS = 5_000;

/** Ends calls that make no progress with `timeout`. Transfers are judged by idle time, never by their length. */
export function timeout(inner: StorageService, options: TimeoutOptions = {}): StorageService {
  return new TimeoutLayer(inner, options);
}

class TimeoutLayer extends StorageLayer {
  private readonly requestTimeoutMs: number;
  private readonly idleTimeoutMs: number;

  constructor(inner: StorageService, options: TimeoutOptions) {
    super(inner);
    this.requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
    this.idleTimeoutMs = options.idleTimeoutMs ?? 120_000;
  }

  override put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    const call = { operation: 'put', key, signal: options.signal } as const;
    return this.deadline(call, this.idleTimeoutMs, (signal, touch) => {
      const onProgress = (sentBytes: number) => {
        touch();
        options.onProgress?.(sentBytes);
      };
      return this.inner.put(key, watched(body, touch), { ...options, signal, onProgress });
    });
  }

  /** The signal that goes down outlives the call, because it also ends the body. */
  override async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    const call = { operation: 'get', key, signal: options.signal } as const;
    const linked = linkAbort(call.signal);
    try {
      const { stat, body } = await this.within(this.requestTimeoutMs, call, linked, () =>
        this.inner.get(key, { ...options, signal: linked.signal }),
      );
      body.once('close', linked.release);
      const idle = new IdleTimeout(this.idleTimeoutMs, () => this.timedOut(call, this.idleTimeoutMs));
      return { stat, body: pipeline(body, idle, ignore) };
    } catch (error) {
      linked.release();
      throw error;
    }
  }

  /** Judged by idle time from its first byte on, as a body is. */
  override read(key: string, options: ReadOptions): Promise<ReadObject> {
    const call = { operation: 'get', key, signal: options.signal } as const;
    return this.deadline(call, this.idleTimeoutMs, (signal, touch) => {
      const onProgress = (receivedBytes: number) => {
        touch();
        options.onProgress?.(receivedBytes);
      };
      return this.inner.read(key, { ...options, signal, onProgress });
    });
  }

  protected around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    return this.deadline(call, this.requestTimeoutMs, run);
  }

  private async deadline<T>(
    call: StorageCall,
    ms: number,
    run: (signal: AbortSignal, touch: () => void) => Promise<T>,
  ): Promise<T> {
    const linked = linkAbort(call.signal);
    try {
      return await this.within(ms, call, linked, (touch) => run(linked.signal, touch));
    } finally {
      linked.release();
    }
  }

  /** Aborts `linked` with a `timeout` error when the work is not done `ms` after the last touch. */
  private async within<T>(
    ms: number,
    call: StorageCall,
    linked: LinkedAbort,
    run: (touch: () => void) => Promise<T>,
  ): Promise<T> {
    const timer = setTimeout(() => linked.abort(this.timedOut(call, ms)), ms);
    try {
      return await settleAfterAbort(
        run(() => timer.refresh()),
        linked.signal,
      );
    } catch (error) {
      throw timeoutBehind(linked.signal) ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  private timedOut(call: StorageCall, ms: number): StorageError {
    return new StorageError('timeout', { ...this.contextOf(call), detail: `no progress for ${ms} ms` });
  }
}

/** Lets an aborted call finish its own clean-up, so that a retry does not run beside it; a deaf one is left behind. */
function settleAfterAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => setTimeout(() => reject(signal.reason), STOP_GRACE_MS).unref();
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function watched(body: ReplayableBody, touch: () => void): ReplayableBody {
  const { hold } = body;
  const held = hold === undefined ? {} : { hold: watchedHold(hold.bind(body), touch) };
  return { ...body, ...held, open: (range) => forward(body.open(range), touch) };
}

function watchedHold(hold: NonNullable<ReplayableBody['hold']>, touch: () => void): ReplayableBody['hold'] {
  return (range, options) => {
    const onProgress = () => {
      touch();
      options?.onProgress?.();
    };
    return hold(range, { ...options, onProgress });
  };
}

function forward(source: Readable, touch: () => void): Readable {
  return pipeline(source, countBytes(touch), ignore);
}

/** Errors reach the reader through the stream itself. */
function ignore(): void {}
