import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseHandle } from '../database.ts';
import { type BackupSummary, backupTo } from './backup.ts';
import type { SealedKeys } from './key-box.ts';

const FOLDER = 'backups';
const FORGOTTEN_AFTER_MS = 24 * 3600 * 1000;

export interface BackupOnServerOptions {
  sealedKeys?: SealedKeys;
  signal?: AbortSignal;
  now?: () => Date;
}

/**
 * A backup by the process that holds the embedded database, for a command line on the same machine: it lands in
 * DATA_DIR/backups, readable by this user only, and the command moves it where it was asked for. The rows of all users
 * never travel through the API.
 */
export async function backupOnServer(
  handle: DatabaseHandle,
  dataDir: string,
  options: BackupOnServerOptions,
): Promise<BackupSummary> {
  const folder = join(dataDir, FOLDER);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeForgotten(folder, (options.now ?? (() => new Date()))().getTime() - FORGOTTEN_AFTER_MS);
  return backupTo(handle, join(folder, `${randomUUID()}.backup`), options);
}

/** What a command left that ended before it could move its file. */
async function removeForgotten(folder: string, beforeMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (mtimeMs < beforeMs) await rm(path, { force: true });
  }
}
