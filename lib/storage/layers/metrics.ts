import { type RunCall, type StorageCall, StorageLayer, timeoutBehind } from '@/lib/storage/layers/storage-layer.ts';
import { StorageError, type StorageErrorCode } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ObjectReader,
  PutOptions,
  ReadObject,
  ReadOptions,
  ReplayableBody,
  StorageProvider,
  StorageService,
  StoredObject,
} from '@/lib/storage/storage-service.ts';

/** One attempt at the store: a call that was retried is told several times. */
export interface StorageEvent {
  provider: StorageProvider;
  bucket: string;
  operation: StorageCall['operation'];
  outcome: 'ok' | StorageErrorCode | 'error';
  durationMs: number;
  /** How long the store asked to be left alone. */
  retryAfterMs?: number;
}

export interface StorageObserver {
  onCall(event: StorageEvent): void;
  /** Bytes of bodies, told as they move. */
  onBytes(provider: StorageProvider, direction: 'in' | 'out', bytes: number): void;
}

/** Tells an observer of every attempt. The observer MUST NOT throw. */
export function metrics(
  inner: StorageService,
  observer: StorageObserver,
  now: () => number = () => performance.now(),
): StorageService {
  return new MetricsLayer(inner, observer, now);
}

class MetricsLayer extends StorageLayer {
  private readonly observer: StorageObserver;
  private readonly now: () => number;

  constructor(inner: StorageService, observer: StorageObserver, now: () => number) {
    super(inner);
    this.observer = observer;
    this.now = now;
  }

  override async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    const stored = await super.put(key, body, options);
    this.observer.onBytes(this.provider, 'in', stored.sizeBytes);
    return stored;
  }

  override async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    const reader = await super.get(key, options);
    const { start, end } = options.range ?? { start: 0 };
    const bytes = Math.min(end ?? reader.stat.sizeBytes, reader.stat.sizeBytes) - start;
    reader.body.once('end', () => this.observer.onBytes(this.provider, 'out', bytes));
    return reader;
  }

  override async read(key: string, options: ReadOptions): Promise<ReadObject> {
    const found = await super.read(key, options);
    this.observer.onBytes(this.provider, 'out', found.bytes.length);
    return found;
  }

  protected async around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    const startedAt = this.now();
    const tell = (outcome: StorageEvent['outcome'], retryAfterMs?: number) =>
      this.observer.onCall({
        retryAfterMs,
        provider: this.provider,
        bucket: this.bucket,
        operation: call.operation,
        outcome,
        durationMs: this.now() - startedAt,
      });
    try {
      const result = await run(call.signal);
      tell('ok');
      return result;
    } catch (error) {
      const told = timeoutBehind(call.signal) ?? error;
      if (told instanceof StorageError) tell(told.code, told.retryAfterMs);
      else tell('error');
      throw error;
    }
  }
}
