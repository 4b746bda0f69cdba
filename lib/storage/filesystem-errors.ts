import { StorageError, type StorageErrorCode, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import { FileTruncatedError } from '@/lib/streams/file-reader.ts';

const CODE_BY_ERRNO: Record<string, StorageErrorCode> = {
  ENOENT: 'not_found',
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EFBIG: 'too_large',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'forbidden',
  EEXIST: 'already_exists',
  ELOOP: 'invalid_request',
  ENAMETOOLONG: 'invalid_request',
  ENOTDIR: 'invalid_request',
};

/** The StorageError of anything a file operation threw. A damaged disk or too many open files are `unavailable`. */
export function filesystemError(error: unknown, context: Omit<StorageErrorContext, 'provider'>): StorageError {
  if (error instanceof StorageError) return error;
  const errno = errnoOf(error);
  const code = codeOf(error, errno);
  return new StorageError(code, { provider: 'filesystem', ...context, detail: errno, cause: error });
}

/** `ENOENT` and the like; undefined for errors that do not come from the system. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** For `.catch`: an absent file is undefined, every other error is thrown on. */
export function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
}

function codeOf(error: unknown, errno: string | undefined): StorageErrorCode {
  if (error instanceof FileTruncatedError) return 'corrupt';
  if (error instanceof Error && error.name === 'AbortError') return 'aborted';
  return (errno === undefined ? undefined : CODE_BY_ERRNO[errno]) ?? 'unavailable';
}
