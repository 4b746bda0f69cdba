import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LongshoreError } from '@/lib/errors.ts';
import { SOCKET_FILE } from './child-protocol.ts';

/** Bytes of a socket's path: 108 on Linux, 104 on macOS, the closing zero included. */
const MAX_PATH_BYTES = 103;

/**
 * A folder that only this user may enter, short enough for a socket in it: in the data directory, else below the
 * system's temporary folder, named after the data directory.
 */
export async function socketFolder(dataDir: string, temporary: string = tmpdir()): Promise<string> {
  const absolute = resolve(dataDir);
  const name = createHash('sha256').update(absolute).digest('hex').slice(0, 16);
  const candidates = [
    join(absolute, 'socket'),
    join(temporary, `longshore-${name}`),
    join('/tmp', `longshore-${name}`),
  ];
  const folder = candidates.find((candidate) => Buffer.byteLength(join(candidate, SOCKET_FILE)) <= MAX_PATH_BYTES);
  // The last candidate always fits.
  return privateFolder(folder ?? join('/tmp', `longshore-${name}`));
}

/** Who can open the socket can read every row: a folder that somebody else made or may enter is refused. */
async function privateFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stat = await lstat(folder);
  const mine = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
  if (mine) return folder;
  throw new LongshoreError('socket_folder_unsafe', `${folder} belongs to or is open to others.`, {
    hint: 'Remove it, or make it a folder of this user with mode 0700.',
  });
}
