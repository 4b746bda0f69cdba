import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { LongshoreError } from '@/lib/errors.ts';

/** Who uses a data directory: what a second process tells its user. */
export interface LockHolder {
  pid: number;
  host: string;
  /** Address of the server, where the holder is one. */
  url: string | null;
  since: string;
}

export interface LockOptions {
  /** The process that the user knows: not the helper that holds the lock for it. */
  pid: number;
  url: string | null;
  /** How long to wait for a holder that seems to be dead or unknown. A living one is told at once. */
  waitMs: number;
  now?: () => number;
}

const LOCK_FILE = 'lock';
const HOLDER_FILE = 'lock.json';
const POLL_MS = 50;

/**
 * The right to use a data directory, held by an operating-system lock on `DATA_DIR/lock`: it ends with the process that
 * holds it, however that ends, and is seen by other containers that share the directory.
 */
export class DataDirLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Throws `data_dir_locked` with the holder in its details, or `data_dir_unusable` where files cannot be locked. */
  static async acquire(dataDir: string, options: LockOptions): Promise<DataDirLock> {
    const file = await openLockFile(dataDir);
    try {
      await waitForLock(file, dataDir, options);
      await writeHolder(dataDir, options);
      return new DataDirLock(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#file.close();
  }
}

async function openLockFile(dataDir: string): Promise<FileHandle> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return await open(join(dataDir, LOCK_FILE), constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    throw unusable(dataDir, 'cannot be written', error);
  }
}

async function waitForLock(file: FileHandle, dataDir: string, options: LockOptions): Promise<void> {
  const now = options.now ?? Date.now;
  const giveUpAt = now() + options.waitMs;
  while (!isGranted(file, dataDir)) {
    const holder = await readHolder(dataDir);
    if (now() >= giveUpAt || (holder && isAlive(holder, options.pid))) throw locked(dataDir, holder);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function isGranted(file: FileHandle, dataDir: string): boolean {
  try {
    return tryLock(file.fd);
  } catch (error) {
    throw unusable(dataDir, 'is on a file system without file locks', error);
  }
}

async function writeHolder(dataDir: string, options: LockOptions): Promise<void> {
  const since = new Date((options.now ?? Date.now)()).toISOString();
  const holder: LockHolder = { pid: options.pid, host: hostname(), url: options.url, since };
  const target = join(dataDir, HOLDER_FILE);
  await writeFile(`${target}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  await rename(`${target}.new`, target);
}

/** What the last holder wrote about itself; undefined when nothing readable is there. */
async function readHolder(dataDir: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, HOLDER_FILE), 'utf8')) as LockHolder;
  } catch {
    // Absent, or the holder is just about to write it.
    return undefined;
  }
}

/** A restarted container often has the number of its predecessor: one's own number says nothing. */
function isAlive(holder: LockHolder, ownPid: number): boolean {
  if (holder.host !== hostname() || holder.pid === ownPid) return false;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}

function locked(dataDir: string, holder: LockHolder | undefined): LongshoreError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
  return new LongshoreError('data_dir_locked', `${dataDir} is in use by ${who}.`, {
    hint: holder?.url
      ? `Talk to it at ${holder.url}, or stop it first.`
      : 'Stop that process first, or use another DATA_DIR.',
    details: { data_dir: dataDir, pid: holder?.pid, host: holder?.host, url: holder?.url, since: holder?.since },
  });
}

function unusable(dataDir: string, why: string, cause: unknown): LongshoreError {
  return new LongshoreError('data_dir_unusable', `${dataDir} ${why}.`, {
    hint: 'Set DATA_DIR to a folder on a local disk that this user may write.',
    details: { data_dir: dataDir },
    cause,
  });
}
