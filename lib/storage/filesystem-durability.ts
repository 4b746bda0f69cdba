import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SteadyFlush } from '@/lib/streams/steady-flush.ts';

/** Opens a file for writing; replaceable so that tests can lead writes to a device that is full. */
export type OpenFile = (path: string, flags: number, mode: number) => Promise<FileHandle>;

const CREATE_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Makes the entries of a folder (new names, renames, removals) survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `folder` and its parents, durable when it resolves. */
export async function ensureFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (firstMade === undefined) return;
  const top = dirname(firstMade);
  for (let current = folder; current !== top; current = dirname(current)) await syncFolder(dirname(current));
}

export interface DurableWrite {
  openFile?: OpenFile;
  signal?: AbortSignal;
  /** Sees every piece before it is written; may throw to refuse it. */
  onChunk?: (chunk: Buffer) => void;
}

/** Writes a new file and fsyncs it. Whatever fails, an incomplete file is removed again. Returns its size. */
export async function writeDurably(path: string, source: Readable, options: DurableWrite = {}): Promise<number> {
  let sizeBytes = 0;
  // A source that fails before the pipeline listens must not end the process: the pipeline tells it.
  source.on('error', () => undefined);
  try {
    const file = new FileWriter(await (options.openFile ?? open)(path, CREATE_NEW, 0o600));
    try {
      await pipeline(
        source,
        async (chunks: AsyncIterable<Buffer>) => {
          for await (const chunk of chunks) {
            options.onChunk?.(chunk);
            await file.write(chunk);
            sizeBytes += chunk.length;
          }
        },
        { signal: options.signal },
      );
      await file.sync();
    } finally {
      await file.close();
    }
    return sizeBytes;
  } catch (error) {
    source.destroy();
    await rm(path, { force: true });
    throw error;
  }
}

/** Gives a complete file its final name, durably. With `ifAbsent` the name is taken atomically, or EEXIST is thrown. */
export async function publishFile(draft: string, final: string, ifAbsent: boolean): Promise<void> {
  if (ifAbsent) {
    await link(draft, final);
    await rm(draft);
  } else {
    await rename(draft, final);
  }
  await syncFolder(dirname(final));
}

/** Writes one chunk while its caller looks at the next, and lets the disk begin before the end. */
class FileWriter {
  readonly #handle: FileHandle;
  readonly #flush: SteadyFlush;
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
    this.#flush = new SteadyFlush(handle);
  }

  /** Resolves when the chunk before has been written. The chunk MUST not be changed before the next call resolves. */
  async write(chunk: Buffer): Promise<void> {
    await this.#writing;
    this.#writing = this.#writeFully(chunk);
    // Told by the next call; until then it must not count as unhandled.
    this.#writing.catch(() => undefined);
  }

  async sync(): Promise<void> {
    await this.#writing;
    await this.#flush.settled();
    await this.#handle.sync();
  }

  /** Waits for what still runs on the handle, whatever becomes of it. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#flush.settled().catch(() => undefined);
    await this.#handle.close();
  }

  async #writeFully(chunk: Buffer): Promise<void> {
    for (let offset = 0; offset < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, offset, chunk.length - offset);
      offset += bytesWritten;
    }
    this.#flush.wrote(chunk.length);
  }
}
