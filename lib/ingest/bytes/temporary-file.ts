import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeError } from '@/lib/ingest/output/durable-file.ts';

/**
 * A stream put on disk because its format needs random access. It has no name while it is used, so nothing is left of it
 * however the process ends.
 */
export class TemporaryFile {
  readonly sizeBytes: number;
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle, sizeBytes: number) {
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  /** @throws LongshoreError `disk_full` or `spool_write_failed`; errors of the stream pass unchanged. */
  static async fill(directory: string, stream: AsyncIterable<Uint8Array>): Promise<TemporaryFile> {
    const handle = await openUnnamed(directory);
    try {
      return new TemporaryFile(handle, await writeAll(handle, stream));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** For readers in other threads and libraries. Valid until `close`. */
  get fd(): number {
    return this.#handle.fd;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function openUnnamed(directory: string): Promise<FileHandle> {
  const path = join(directory, `${randomUUID()}.source.partial`);
  try {
    const handle = await open(path, 'wx+', 0o600);
    await rm(path);
    return handle;
  } catch (error) {
    throw writeError(error);
  }
}

async function writeAll(handle: FileHandle, stream: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const chunk of stream) {
    for (let written = 0; written < chunk.byteLength; ) {
      const { bytesWritten } = await handle.write(chunk, written).catch((error) => {
        throw writeError(error);
      });
      written += bytesWritten;
    }
    size += chunk.byteLength;
  }
  return size;
}
