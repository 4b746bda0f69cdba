import { networkError } from '@/lib/storage/network-errors.ts';
import { retryAfterMs } from '@/lib/storage/retry-after.ts';
import { StorageError, type StorageErrorCode, type StorageErrorContext } from '@/lib/storage/storage-error.ts';

/** Error codes of S3 and of stores that imitate it, by what they mean to us. */
const CODES: Record<string, StorageErrorCode> = {
  NoSuchKey: 'not_found',
  NoSuchVersion: 'not_found',
  NoSuchBucket: 'bucket_not_found',
  NoSuchUpload: 'upload_expired',
  PreconditionFailed: 'already_exists',
  InvalidAccessKeyId: 'unauthorized',
  SignatureDoesNotMatch: 'unauthorized',
  ExpiredToken: 'unauthorized',
  ExpiredTokenException: 'unauthorized',
  InvalidToken: 'unauthorized',
  TokenRefreshRequired: 'unauthorized',
  InvalidSecurity: 'unauthorized',
  NotSignedUp: 'unauthorized',
  Unauthorized: 'unauthorized',
  CredentialsProviderError: 'unauthorized',
  AccessDenied: 'forbidden',
  AllAccessDisabled: 'forbidden',
  AccountProblem: 'forbidden',
  'KMS.DisabledException': 'forbidden',
  'KMS.NotFoundException': 'forbidden',
  RequestTimeTooSkewed: 'clock_skew',
  RequestExpired: 'clock_skew',
  PermanentRedirect: 'wrong_region',
  TemporaryRedirect: 'wrong_region',
  IllegalLocationConstraintException: 'wrong_region',
  IncorrectEndpoint: 'wrong_region',
  SlowDown: 'rate_limited',
  Throttling: 'rate_limited',
  ThrottlingException: 'rate_limited',
  TooManyRequests: 'rate_limited',
  RequestLimitExceeded: 'rate_limited',
  BandwidthLimitExceeded: 'rate_limited',
  RequestTimeout: 'timeout',
  ConditionalRequestConflict: 'unavailable',
  OperationAborted: 'unavailable',
  InternalError: 'unavailable',
  ServiceUnavailable: 'unavailable',
  NotImplemented: 'invalid_request',
  MethodNotAllowed: 'invalid_request',
  BadDigest: 'corrupt',
  IncompleteBody: 'corrupt',
  XAmzContentSHA256Mismatch: 'corrupt',
  XAmzContentChecksumMismatch: 'corrupt',
  EntityTooLarge: 'too_large',
  QuotaExceeded: 'quota_exceeded',
  CapExceeded: 'quota_exceeded',
  XMinioStorageFull: 'quota_exceeded',
  XMinioAdminBucketQuotaExceeded: 'quota_exceeded',
};

const STATUSES: Record<number, StorageErrorCode> = {
  401: 'unauthorized',
  403: 'forbidden',
  408: 'timeout',
  411: 'invalid_request',
  412: 'already_exists',
  416: 'invalid_request',
  429: 'rate_limited',
  507: 'quota_exceeded',
};

/** What an SDK error says once its type is stripped off. Statuses are undefined when there was no answer. */
export interface S3Answer {
  /** The store's own code. HEAD answers have none: the SDK then makes one up, which is dropped here. */
  code: string | undefined;
  status: number | undefined;
  headers: Readonly<Record<string, string>>;
  region: string | undefined;
  condition: string | undefined;
}

/** The StorageError of anything that a call through the SDK threw. */
export function s3Error(error: unknown, context: StorageErrorContext): StorageError {
  if (error instanceof StorageError) return error;
  const answer = answerOf(error);
  if (answer.status === undefined && answer.code !== 'CredentialsProviderError') return networkError(error, context);
  const code = storageCodeOf(answer);
  return new StorageError(code, {
    ...context,
    detail: detailOf(answer),
    // An answer that we cannot read will read the same next time.
    retry: isUnreadable(answer) ? 'never' : undefined,
    retryAfterMs: retryAfterMs(answer.headers['retry-after']),
    cause: error,
  });
}

export function answerOf(error: unknown): S3Answer {
  const shape = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const metadata = (shape.$metadata ?? {}) as { httpStatusCode?: number };
  const response = (shape.$response ?? {}) as { statusCode?: number; headers?: Record<string, string> };
  const headers = response.headers ?? {};
  const status = metadata.httpStatusCode ?? response.statusCode;
  return {
    code: readCode(shape),
    status,
    headers,
    region: textOf(shape.Region) ?? headers['x-amz-bucket-region'],
    condition: textOf(shape.Condition),
  };
}

function readCode(shape: Record<string, unknown>): string | undefined {
  const code = textOf(shape.Code) ?? textOf(shape.code) ?? textOf(shape.name);
  const invented = code === undefined || ['Unknown', 'UnknownError', 'NotFound', 'Error', 'SyntaxError'].includes(code);
  return invented || /^\d+$/.test(code) ? undefined : code;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function storageCodeOf({ code, status = 0, region }: S3Answer): StorageErrorCode {
  if (code === 'AuthorizationHeaderMalformed') return region === undefined ? 'unauthorized' : 'wrong_region';
  const known = code === undefined ? undefined : CODES[code];
  if (known !== undefined) return known;
  if (status >= 300 && status < 400) return region === undefined ? 'endpoint_refused' : 'wrong_region';
  if (STATUSES[status] !== undefined) return STATUSES[status];
  return status >= 400 && status < 500 && status !== 404 ? 'invalid_request' : 'unavailable';
}

/** A 404 without a code of S3 comes from something that is no S3 store: absence is not proven. */
function isUnreadable({ code, status }: S3Answer): boolean {
  return status === 404 && (code === undefined || CODES[code] === undefined);
}

function detailOf({ code, status, region }: S3Answer): string {
  const where = region === undefined ? '' : `, the bucket is in ${region}`;
  return `${code ?? 'no error code'}, status ${status ?? 'unknown'}${where}`;
}
