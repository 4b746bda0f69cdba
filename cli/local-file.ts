import { stat } from 'node:fs/promises';
import { LongshoreError } from '@/lib/errors.ts';

/** Size in bytes of a readable regular file; otherwise `file_unreadable` with the reason. */
export async function fileSize(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found.size;
  } catch (cause) {
    throw new LongshoreError('file_unreadable', `${path} cannot be read: ${reason(cause)}.`, { cause });
  }
  throw new LongshoreError('file_unreadable', `${path} is not a regular file.`);
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : String(code);
}
