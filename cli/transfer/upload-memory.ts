import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PreviousUpload, UrlStorage } from 'tus-js-client';

/** Keeps the addresses of unfinished uploads in one small JSON file, so that another process can go on with them. */
export class UploadMemory implements UrlStorage {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async findAllUploads(): Promise<PreviousUpload[]> {
    return Object.values(await this.#read());
  }

  async findUploadsByFingerprint(fingerprint: string): Promise<PreviousUpload[]> {
    const found = (await this.#read())[fingerprint];
    return found === undefined ? [] : [found];
  }

  async addUpload(fingerprint: string, upload: PreviousUpload): Promise<string> {
    await this.#write({ ...(await this.#read()), [fingerprint]: { ...upload, urlStorageKey: fingerprint } });
    return fingerprint;
  }

  async removeUpload(fingerprint: string): Promise<void> {
    const { [fingerprint]: _, ...others } = await this.#read();
    await this.#write(others);
  }

  async #read(): Promise<Record<string, PreviousUpload>> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8'));
    } catch (error) {
      // Absent, or cut off by a crash: the worst is that an upload starts from its first byte.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return {};
      throw error;
    }
  }

  async #write(uploads: Record<string, PreviousUpload>): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${process.pid}`;
    await writeFile(temporary, JSON.stringify(uploads), { mode: 0o600 });
    await rename(temporary, this.#path);
  }
}
