import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type {
  CircuitView,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectReader,
  ObjectStat,
  PresignOptions,
  PutOptions,
  ReadObject,
  ReadOptions,
  ReplayableBody,
  SignedUrl,
  StatOptions,
  StorageCapabilities,
  StorageProvider,
  StorageService,
  StoredObject,
  UploadState,
} from '@/lib/storage/storage-service.ts';

/** What a layer knows of a call without looking into its arguments. */
export interface StorageCall {
  readonly operation: StorageErrorContext['operation'];
  readonly key: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Runs the call on the layer below, with the signal given here in place of the caller's. May run more than once. */
export type RunCall<T> = (signal: AbortSignal | undefined) => Promise<T>;

/** A store around a store: keeps the contract and adds one behaviour in `around`. */
export abstract class StorageLayer implements StorageService {
  protected readonly inner: StorageService;

  constructor(inner: StorageService) {
    this.inner = inner;
  }

  get provider(): StorageProvider {
    return this.inner.provider;
  }

  get bucket(): string {
    return this.inner.bucket;
  }

  get endpoint(): string | undefined {
    return this.inner.endpoint;
  }

  get region(): string | undefined {
    return this.inner.region;
  }

  get capabilities(): StorageCapabilities {
    return this.inner.capabilities;
  }

  get circuit(): CircuitView | undefined {
    return this.inner.circuit;
  }

  put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    return this.around({ operation: 'put', key, signal: options.signal }, (signal) =>
      this.inner.put(key, body, { ...options, signal }),
    );
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    return this.around({ operation: 'get', key, signal: options.signal }, (signal) =>
      this.inner.get(key, { ...options, signal }),
    );
  }

  read(key: string, options: ReadOptions): Promise<ReadObject> {
    return this.around({ operation: 'get', key, signal: options.signal }, (signal) =>
      this.inner.read(key, { ...options, signal }),
    );
  }

  stat(key: string, options: StatOptions = {}): Promise<ObjectStat> {
    return this.around({ operation: 'stat', key, signal: options.signal }, (signal) =>
      this.inner.stat(key, { ...options, signal }),
    );
  }

  delete(key: string, options: DeleteOptions = {}): Promise<void> {
    return this.around({ operation: 'delete', key, signal: options.signal }, (signal) =>
      this.inner.delete(key, { ...options, signal }),
    );
  }

  list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    return this.around({ operation: 'list', key: undefined, signal: options.signal }, (signal) =>
      this.inner.list(prefix, { ...options, signal }),
    );
  }

  presignGet(key: string, options: PresignOptions): Promise<SignedUrl> {
    return this.around({ operation: 'presign', key, signal: undefined }, () => this.inner.presignGet(key, options));
  }

  abortUpload(state: UploadState): Promise<void> {
    return this.around({ operation: 'abort', key: undefined, signal: undefined }, () => this.inner.abortUpload(state));
  }

  probe(signal?: AbortSignal): Promise<void> {
    return this.around({ operation: 'probe', key: undefined, signal }, (linked) => this.inner.probe(linked));
  }

  protected abstract around<T>(call: StorageCall, run: RunCall<T>): Promise<T>;

  protected contextOf(call: StorageCall): Pick<StorageErrorContext, 'provider' | 'operation' | 'key'> {
    return { provider: this.provider, operation: call.operation, key: call.key };
  }
}

/** The `timeout` that a signal was aborted with. Layers below the timeout see an abort; this tells them the truth. */
export function timeoutBehind(signal: AbortSignal | undefined): StorageError | undefined {
  return signal?.aborted && StorageError.is(signal.reason, 'timeout') ? signal.reason : undefined;
}
