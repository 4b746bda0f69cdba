import { execFileSync } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TinyDisk {
  path: string;
  remove(): Promise<void>;
}

/** A file system of its own that is soon full; undefined where the system does not let us mount one. */
export async function tinyDisk(sizeBytes: number): Promise<TinyDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    await rmdir(path);
    return undefined;
  }
  const remove = async () => {
    execFileSync('umount', [path]);
    await rmdir(path);
  };
  return { path, remove };
}
