import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageProvider, StorageService } from '@/lib/storage/storage-service.ts';

/**
 * A filesystem store that goes by another provider's name, so that placement over several kinds of store can be tried
 * on disk; and a switch that makes it refuse.
 */
export class StoreAs {
  readonly service: StorageService;
  /** While set, every call fails with this code. */
  failing: 'unavailable' | 'unauthorized' | 'disk_full' | undefined;
  /** Awaited before each put: to hold one back. */
  beforePut: () => Promise<void> = async () => undefined;
  /** Awaited before each get: to refuse a key. */
  beforeGet: (key: string) => Promise<void> = async () => undefined;
  /** Bytes that `get` was asked for. */
  bytesRead = 0;

  constructor(base: StorageService, provider: StorageProvider) {
    const guard = <T>(run: () => Promise<T>): Promise<T> => {
      if (this.failing === undefined) return run();
      return Promise.reject(new StorageError(this.failing, { provider, operation: 'probe', retry: 'exhausted' }));
    };
    this.service = {
      provider,
      bucket: base.bucket,
      endpoint: base.endpoint,
      region: base.region,
      capabilities: base.capabilities,
      put: (key, body, options) =>
        guard(async () => {
          await this.beforePut();
          options?.signal?.throwIfAborted();
          return base.put(key, body, options);
        }),
      get: (key, options) =>
        guard(async () => {
          await this.beforeGet(key);
          const found = await base.get(key, options);
          const { start = 0, end = found.stat.sizeBytes } = options?.range ?? {};
          this.bytesRead += Math.min(end, found.stat.sizeBytes) - start;
          return found;
        }),
      read: (key, options) =>
        guard(async () => {
          const found = await base.read(key, options);
          this.bytesRead += found.bytes.length;
          return found;
        }),
      stat: (key, options) => guard(() => base.stat(key, options)),
      delete: (key, options) => guard(() => base.delete(key, options)),
      list: (prefix, options) => guard(() => base.list(prefix, options)),
      presignGet: (key, options) => guard(() => base.presignGet(key, options)),
      abortUpload: () => Promise.resolve(),
      probe: () => guard(() => base.probe()),
    };
  }
}
