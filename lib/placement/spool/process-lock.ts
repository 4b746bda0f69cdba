import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tryLock } from 'fs-native-extensions';

/** A lock of the operating system on a file: it ends with the process that holds it, however that ends. */
export class ProcessLock {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Takes the lock, making the file where it is absent. Undefined when another holder is alive. */
  static async take(path: string): Promise<ProcessLock | undefined> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    if (tryLock(handle.fd)) return new ProcessLock(handle);
    await handle.close();
    return undefined;
  }

  /** Frees the lock; the file stays. */
  async release(): Promise<void> {
    await this.#handle.close();
  }
}
