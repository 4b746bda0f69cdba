import type { StorageProvider } from '@/lib/storage/storage-service.ts';

export type StorageErrorCode =
  | 'not_found' // the object is not there (the bucket was reachable)
  | 'bucket_not_found'
  | 'already_exists' // a conditional put found the key taken
  | 'unauthorized' // wrong or expired credentials
  | 'forbidden' // right credentials, action not allowed
  | 'wrong_region'
  | 'clock_skew'
  | 'quota_exceeded' // bucket, plan or account limit; retrying cannot help
  | 'too_large' // one object over the store's own limit
  | 'disk_full'
  | 'rate_limited'
  | 'unavailable' // 5xx, connection refused, DNS failure, circuit open
  | 'timeout'
  | 'corrupt' // bytes that arrived differ from what was sent or recorded
  | 'upload_expired' // a resumable upload that the store has forgotten: start over, knowingly
  | 'invalid_request'
  | 'endpoint_refused' // the endpoint is not one we may connect to
  | 'aborted';

/** never: the same call cannot succeed. safe: it may be repeated. exhausted: it was repeated and still failed. */
export type Retry = 'never' | 'safe' | 'exhausted';

export interface StorageErrorContext {
  provider: StorageProvider;
  operation: 'put' | 'get' | 'stat' | 'delete' | 'list' | 'presign' | 'abort' | 'probe';
  key?: string;
  /** What the store itself said: status and code, never headers or URLs. */
  detail?: string;
  retry?: Retry;
  retryAfterMs?: number;
  cause?: unknown;
}

const RETRY_BY_CODE: Partial<Record<StorageErrorCode, Retry>> = {
  rate_limited: 'safe',
  unavailable: 'safe',
  timeout: 'safe',
  corrupt: 'safe',
};

/** Every failure of a store. Callers act on `code` and `retry`, never on the message. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly retry: Retry;
  readonly provider: StorageProvider;
  readonly operation: StorageErrorContext['operation'];
  readonly key: string | undefined;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: StorageErrorCode, context: StorageErrorContext) {
    const where = context.key === undefined ? '' : ` ${context.key}`;
    const detail = context.detail === undefined ? '' : `: ${context.detail}`;
    super(`${context.provider} ${context.operation}${where} failed (${code})${detail}`, { cause: context.cause });
    this.name = 'StorageError';
    this.code = code;
    this.retry = context.retry ?? RETRY_BY_CODE[code] ?? 'never';
    this.provider = context.provider;
    this.operation = context.operation;
    this.key = context.key;
    this.detail = context.detail;
    this.retryAfterMs = context.retryAfterMs;
  }

  static is(error: unknown, code?: StorageErrorCode): error is StorageError {
    return error instanceof StorageError && (code === undefined || error.code === code);
  }
}
