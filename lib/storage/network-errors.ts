import { messageOf } from '@/lib/errors.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import { LengthError } from '@/lib/streams/exact-bytes.ts';

/** A certificate that does not hold does not get better by asking again. */
const TLS_CODES = /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** The StorageError of a request that got no answer: refused endpoint, abort, or no connection. */
export function networkError(error: unknown, context: StorageErrorContext): StorageError {
  if (error instanceof StorageError) return error;
  if (error instanceof LengthError) {
    return new StorageError('corrupt', { ...context, detail: messageOf(error), retry: 'never', cause: error });
  }
  const code = codeOf(error);
  if (code === 'ERR_ENDPOINT_REFUSED') {
    return new StorageError('endpoint_refused', { ...context, detail: messageOf(error), cause: error });
  }
  if (code === 'ABORT_ERR' || nameOf(error) === 'AbortError')
    return new StorageError('aborted', { ...context, cause: error });
  // The AWS SDK calls lost connections timeouts too.
  if (nameOf(error) === 'TimeoutError' && code !== 'ECONNRESET' && code !== 'EPIPE')
    return new StorageError('timeout', { ...context, cause: error });
  const retry = TLS_CODES.test(code ?? '') ? 'never' : 'safe';
  return new StorageError('unavailable', { ...context, detail: code ?? 'no connection', retry, cause: error });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? undefined : codeOf(error.cause);
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}
