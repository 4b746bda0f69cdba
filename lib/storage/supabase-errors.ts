import type { SmallReply } from '@/lib/storage/http-client.ts';
import { retryAfterMs } from '@/lib/storage/retry-after.ts';
import { StorageError, type StorageErrorCode, type StorageErrorContext } from '@/lib/storage/storage-error.ts';

/** What an answer says about itself. Supabase sends nearly every error as HTTP 400: the body has the truth. */
export interface SupabaseFault {
  /** `NoSuchKey`, `KeyAlreadyExists` ...; undefined where the body has none (TUS, gateways). */
  code: string | undefined;
  /** The body's own status, else the HTTP status. */
  status: number;
  /** The body's second name for the error, all that older versions have. */
  error: string | undefined;
  text: string;
}

const CODES: Record<string, StorageErrorCode> = {
  NoSuchKey: 'not_found',
  NoSuchBucket: 'bucket_not_found',
  NoSuchUpload: 'upload_expired',
  KeyAlreadyExists: 'already_exists',
  ResourceAlreadyExists: 'already_exists',
  InvalidJWT: 'unauthorized',
  InvalidSignature: 'unauthorized',
  ExpiredToken: 'unauthorized',
  AccessDenied: 'forbidden',
  EntityTooLarge: 'too_large',
  InvalidKey: 'invalid_request',
  InvalidMimeType: 'invalid_request',
  InvalidRange: 'invalid_request',
  SlowDown: 'rate_limited',
  DatabaseTimeout: 'timeout',
  InternalError: 'unavailable',
  DatabaseError: 'unavailable',
  S3Error: 'unavailable',
  LockTimeout: 'unavailable',
};

const ERRORS: Record<string, StorageErrorCode> = {
  not_found: 'not_found',
  'Bucket not found': 'bucket_not_found',
  Duplicate: 'already_exists',
};

const STATUSES: Record<number, StorageErrorCode> = {
  401: 'unauthorized',
  402: 'quota_exceeded',
  403: 'forbidden',
  404: 'unavailable',
  408: 'timeout',
  409: 'already_exists',
  413: 'too_large',
  416: 'invalid_request',
  423: 'unavailable',
  429: 'rate_limited',
  507: 'quota_exceeded',
  544: 'timeout',
};

export function isSuccess(reply: SmallReply): boolean {
  return reply.status >= 200 && reply.status < 300;
}

export function faultOf(reply: SmallReply): SupabaseFault {
  const text = reply.body.toString('utf8');
  const body = parseObject(text);
  const status = Number(body?.statusCode ?? reply.status);
  return {
    code: typeof body?.code === 'string' ? body.code : undefined,
    status: Number.isInteger(status) ? status : reply.status,
    error: typeof body?.error === 'string' ? body.error : undefined,
    text,
  };
}

/** The StorageError of an answer that is no success. */
export function supabaseError(reply: SmallReply, context: StorageErrorContext): StorageError {
  const fault = faultOf(reply);
  const code = codeOf(fault);
  return new StorageError(code, {
    ...context,
    detail: `${fault.code ?? fault.error ?? 'no error code'}, status ${fault.status}`,
    // A 404 that is not the API's own proves nothing about the object, and comes again.
    retry: fault.status === 404 && code === 'unavailable' ? 'never' : undefined,
    retryAfterMs: retryAfterMs(reply.headers['retry-after']),
  });
}

function codeOf({ code, error, status }: SupabaseFault): StorageErrorCode {
  const known = CODES[code ?? ''] ?? ERRORS[error ?? ''];
  if (known !== undefined) return known;
  if (status >= 300 && status < 400) return 'endpoint_refused';
  return STATUSES[status] ?? (status >= 400 && status < 500 ? 'invalid_request' : 'unavailable');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
