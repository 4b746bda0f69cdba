import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';

/**
 * Keys that mean the same thing in every store: ASCII that Supabase Storage accepts, no `~` (the filesystem store's own
 * mark), no empty, `.` or `..` segment, no segment longer than a file name may be.
 */
const SEGMENT = /^[A-Za-z0-9!_.*'()&$@=;:+, ?-]{1,180}$/;
const MAX_KEY_LENGTH = 900;

/** Throws `invalid_request` for a key that some store could misread. */
export function checkKey(
  key: string,
  context: { provider: StorageProvider; operation: StorageErrorContext['operation'] },
): void {
  if (key.length <= MAX_KEY_LENGTH && key.split('/').every(isSafeSegment)) return;
  throw new StorageError('invalid_request', { ...context, detail: 'the object key is not a safe key' });
}

/** A prefix is the beginning of a safe key; it may end in the middle of a segment or after a slash. */
export function checkPrefix(
  prefix: string,
  context: { provider: StorageProvider; operation: StorageErrorContext['operation'] },
): void {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  const unsafe = segments.some((segment) => !isSafeSegment(segment)) || (last !== '' && !SEGMENT.test(last));
  if (!unsafe && prefix.length <= MAX_KEY_LENGTH) return;
  throw new StorageError('invalid_request', { ...context, detail: 'the prefix is not the beginning of a safe key' });
}

function isSafeSegment(segment: string): boolean {
  return SEGMENT.test(segment) && segment !== '.' && segment !== '..';
}
