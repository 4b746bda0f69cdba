import { messageOf } from '@/lib/errors.ts';
import { checkKey, checkPrefix } from '@/lib/storage/key-rules.ts';
import { type RunCall, type StorageCall, StorageLayer } from '@/lib/storage/layers/storage-layer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type {
  GetOptions,
  ListOptions,
  ListPage,
  ObjectReader,
  PresignOptions,
  PutOptions,
  ReadObject,
  ReadOptions,
  ReplayableBody,
  SignedUrl,
  StorageService,
  StoredObject,
} from '@/lib/storage/storage-service.ts';

/** S3 refuses more than 2 KB of user metadata: the smallest limit of the stores. */
const MAX_METADATA_BYTES = 2048;
const MAX_EXPIRY_SECONDS = 7 * 24 * 60 * 60;

/** The outermost layer: refuses calls that no store should see, and lets nothing but StorageError out. */
export function checked(inner: StorageService): StorageService {
  return new CheckedLayer(inner);
}

class CheckedLayer extends StorageLayer {
  override async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    const limit = this.capabilities.maxObjectBytes;
    if (limit !== undefined && body.sizeBytes > limit)
      throw this.refuse('too_large', 'put', key, `limit ${limit} bytes`);
    this.checkMetadata(key, options.metadata ?? {});
    this.check(/^[\x20-\x7e]{1,200}$/.test(options.contentType ?? '-'), 'put', key, 'unusable content type');
    return super.put(key, body, options);
  }

  override async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    this.checkRange(key, options);
    return super.get(key, options);
  }

  override async read(key: string, options: ReadOptions): Promise<ReadObject> {
    this.checkRange(key, options);
    return super.read(key, options);
  }

  override async list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    checkPrefix(prefix, { provider: this.provider, operation: 'list' });
    const limit = options.limit ?? 1000;
    this.check(isCount(limit) && limit >= 1 && limit <= 1000, 'list', undefined, 'limit must be 1 to 1000');
    return super.list(prefix, options);
  }

  override async presignGet(key: string, options: PresignOptions): Promise<SignedUrl> {
    const { expiresInSeconds } = options;
    const sane = Number.isFinite(expiresInSeconds) && expiresInSeconds >= 1 && expiresInSeconds <= MAX_EXPIRY_SECONDS;
    this.check(sane, 'presign', key, `expiry must be 1 to ${MAX_EXPIRY_SECONDS} seconds`);
    return super.presignGet(key, options);
  }

  protected async around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    if (call.key !== undefined) checkKey(call.key, { provider: this.provider, operation: call.operation });
    if (call.signal?.aborted) throw new StorageError('aborted', { ...this.contextOf(call), cause: call.signal.reason });
    try {
      return await run(call.signal);
    } catch (error) {
      throw this.asStorageError(error, call);
    }
  }

  /** A base maps what it knows; what is left is an abort or a fault of ours, which repeating does not mend. */
  private asStorageError(error: unknown, call: StorageCall): StorageError {
    if (error instanceof StorageError) return error;
    const context = { ...this.contextOf(call), cause: error };
    if (call.signal?.aborted) return new StorageError('aborted', context);
    return new StorageError('unavailable', { ...context, detail: messageOf(error), retry: 'never' });
  }

  private checkRange(key: string, options: GetOptions): void {
    const { start, end } = options.range ?? { start: 0 };
    const sane = isCount(start) && (end === undefined || (isCount(end) && end > start));
    this.check(sane, 'get', key, 'the range is not a range');
  }

  private checkMetadata(key: string, metadata: Record<string, string>): void {
    const entries = Object.entries(metadata);
    const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    const sane = entries.every(([name, value]) => /^[a-z0-9-]+$/.test(name) && isPlainValue(value));
    this.check(
      sane && bytes <= MAX_METADATA_BYTES,
      'put',
      key,
      'metadata must be printable ASCII with lower-case names',
    );
  }

  private check(sane: boolean, operation: StorageCall['operation'], key: string | undefined, detail: string): void {
    if (!sane) throw this.refuse('invalid_request', operation, key, detail);
  }

  private refuse(
    code: 'invalid_request' | 'too_large',
    operation: StorageCall['operation'],
    key: string | undefined,
    detail: string,
  ): StorageError {
    return new StorageError(code, { provider: this.provider, operation, key, detail });
  }
}

/** Header values lose white space at their ends on the way. */
function isPlainValue(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value) && value === value.trim();
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
