import { constants } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LongshoreError } from '@/lib/errors.ts';
import { ensureFolder, syncFolder } from '@/lib/storage/filesystem-durability.ts';
import { errnoOf } from '@/lib/storage/filesystem-errors.ts';
import { FileReader } from '@/lib/streams/file-reader.ts';

/** Bytes of resumable uploads, one file each, named by the upload's id. */
export class UploadFiles {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(folder: string): Promise<UploadFiles> {
    await ensureFolder(folder);
    return new UploadFiles(folder);
  }

  /** Makes an empty file, durable when it resolves. */
  async create(id: string): Promise<void> {
    const handle = await open(this.#path(id), 'wx', 0o600);
    await handle.close();
    await syncFolder(this.folder);
  }

  /** Undefined when there is no such file. */
  async size(id: string): Promise<number | undefined> {
    return stat(this.#path(id)).then((found) => found.size, absent);
  }

  /**
   * Appends what arrives, at most `maxBytes`, and resolves with the new size once it is durable. When the stream breaks
   * off, what had arrived stays, and the stream's error is thrown.
   * @throws upload_offset_conflict, upload_too_long, disk_full
   */
  async append(id: string, offset: number, source: Readable, maxBytes: number): Promise<number> {
    const handle = await open(this.#path(id), constants.O_WRONLY | constants.O_NOFOLLOW);
    let position = offset;
    try {
      if ((await handle.stat()).size !== offset) throw offsetConflict();
      for await (const chunk of source as AsyncIterable<Buffer>) {
        if (position + chunk.length > offset + maxBytes) throw tooLong();
        for (let done = 0; done < chunk.length; ) {
          done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
        }
        position += chunk.length;
      }
      return position;
    } catch (error) {
      throw isFull(error) ? diskFull(error) : error;
    } finally {
      await handle.sync();
      await handle.close();
    }
  }

  async read(id: string): Promise<Readable> {
    return new FileReader(this.#path(id), { start: 0, end: (await this.size(id)) ?? 0 });
  }

  /** Durable when it resolves. Absent is fine. */
  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    await syncFolder(this.folder);
  }

  async ids(): Promise<string[]> {
    return readdir(this.folder);
  }

  #path(id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw uploadNotFound();
    return join(this.folder, id);
  }
}

function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
}

function isFull(error: unknown): boolean {
  return errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT';
}

/** The same answer for an upload that does not exist and one that is somebody else's. */
export function uploadNotFound(): LongshoreError {
  return new LongshoreError('upload_not_found', 'There is no such upload.', { hint: 'Begin a new one.' });
}

function offsetConflict(): LongshoreError {
  return new LongshoreError('upload_offset_conflict', 'The upload is not at this offset.', {
    hint: 'Ask with HEAD where it is, and go on from there.',
  });
}

function tooLong(): LongshoreError {
  return new LongshoreError('upload_too_large', 'More bytes arrived than were announced.', {
    hint: 'Begin a new upload that announces the right length.',
  });
}

function diskFull(cause: unknown): LongshoreError {
  return new LongshoreError('disk_full', 'The disk of this server is full.', {
    hint: 'What arrived is kept for a day: go on once the operator has made room.',
    cause,
  });
}
