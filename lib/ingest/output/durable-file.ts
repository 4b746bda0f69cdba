import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { SteadyFlush } from '@/lib/streams/steady-flush.ts';

/**
 * A file that exists under its name only when it is complete and on disk: written as `<path>.partial`, fsynced, renamed,
 * and the directory fsynced. A `.partial` file is never of use to anyone and may be deleted at any start.
 */
export class DurableFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #flush: SteadyFlush;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
    this.#flush = new SteadyFlush(handle);
  }

  /** @throws LongshoreError `disk_full` or `spool_write_failed`. */
  static async create(path: string): Promise<DurableFile> {
    const handle = await open(partialOf(path), 'wx', 0o600).catch((error) => {
      throw writeError(error);
    });
    return new DurableFile(path, handle);
  }

  async write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    try {
      while (written < bytes.byteLength) {
        written += (await this.#handle.write(bytes, written)).bytesWritten;
      }
      this.#flush.wrote(written);
    } catch (error) {
      throw writeError(error);
    }
  }

  async commit(): Promise<void> {
    try {
      await this.#flush.settled();
      await this.#handle.sync();
      await this.#handle.close();
      await rename(partialOf(this.path), this.path);
      await syncDirectory(dirname(this.path));
    } catch (error) {
      throw writeError(error);
    }
  }

  async abort(): Promise<void> {
    // Whether it reached the disk is of no account any more.
    await this.#flush.settled().catch(() => undefined);
    await this.#handle.close();
    await rm(partialOf(this.path), { force: true });
    await rm(this.path, { force: true });
  }
}

const partialOf = (path: string) => `${path}.partial`;

/** A rename is durable only when its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same codes for every write of ingest, so that callers can answer 507 for a full disk. */
export function writeError(error: unknown): LongshoreError {
  if (error instanceof LongshoreError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LongshoreError('disk_full', 'The disk of the server is full; nothing of this file was kept.', {
      hint: 'Free space in DATA_DIR or wait until running uploads are done, then upload again.',
      cause: error,
    });
  }
  return new LongshoreError('spool_write_failed', `The spool file could not be written: ${messageOf(error)}.`, {
    hint: 'Check that DATA_DIR exists, is writable and healthy.',
    cause: error,
  });
}
