const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const SEGMENT = /^[A-Za-z0-9!_.*'()&$@=;:+, ?-]{1,180}$/;
const MAX_PATH_LENGTH = 900;

export type PathFault = 'unsafe_id' | 'foreign_path' | 'unsafe_path';

/**
 * Why a row's path is not believed, as far as the row alone tells; undefined when it is. `longshore.path_fault` decides
 * the same when the row is taken in; this is for plans, which may be made before that function exists.
 */
export function pathFault(row: { id: string; userId: string; storagePath: string }): PathFault | undefined {
  if (!SAFE_ID.test(row.id) || !SAFE_ID.test(row.userId)) return 'unsafe_id';
  if (!row.storagePath.startsWith(`${row.userId}/`)) return 'foreign_path';
  return isSafePath(row.storagePath) ? undefined : 'unsafe_path';
}

/** A path that means the same object in every store. */
export function isSafePath(path: string): boolean {
  const segments = path.split('/');
  const safe = segments.every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..');
  return safe && path.length <= MAX_PATH_LENGTH;
}
