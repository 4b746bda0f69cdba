import type { FileHandle } from 'node:fs/promises';

/** What may wait in memory for the disk before it is sent there. */
const FLUSH_BYTES = 8 << 20;

/**
 * Sends what is written to a file to the disk while more is written, so that the fsync at its end has little left to do.
 * One flush runs at a time, beside the writes.
 */
export class SteadyFlush {
  readonly #handle: Pick<FileHandle, 'datasync'>;
  readonly #flushBytes: number;
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(handle: Pick<FileHandle, 'datasync'>, flushBytes = FLUSH_BYTES) {
    this.#handle = handle;
    this.#flushBytes = flushBytes;
  }

  /** To be told of every write that is done. */
  wrote(sizeBytes: number): void {
    this.#waitingBytes += sizeBytes;
    if (this.#waitingBytes < this.#flushBytes || this.#running !== undefined) return;
    this.#waitingBytes = 0;
    this.#running = this.#flush();
  }

  /**
   * Waits for the flush that runs. MUST be awaited before the handle is closed.
   *
   * @throws the error of any flush: the system tells each error of a disk once, so an fsync after it may succeed although
   * bytes were lost.
   */
  async settled(): Promise<void> {
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #flush(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#running = undefined;
    }
  }
}
