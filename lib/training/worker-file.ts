import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDurably } from '@/lib/config/durable-file.ts';
import { projectRoot } from '@/lib/config/entry-points.ts';

export interface WorkerFile {
  bytes: Buffer;
  sha256: string;
}

/** Where the worker is. */
export function workerPath(): string {
  return join(projectRoot(), 'lib', 'training', 'training_server.py');
}

/**
 * The worker that machines fetch and run; it holds no secret, and anybody may have it. What a machine was told to run is
 * kept: it may fetch its worker hours later, from a server that was upgraded meanwhile.
 */
export class WorkerFiles {
  readonly #folder: string;
  readonly #path: string;

  /** @param folder where the ones in use are kept */
  constructor(folder: string, path = workerPath()) {
    this.#folder = folder;
    this.#path = path;
  }

  async current(): Promise<WorkerFile> {
    return fileOf(await readFile(this.#path));
  }

  /** The current one, kept under its hash from now on. */
  async keepCurrent(): Promise<WorkerFile> {
    const file = await this.current();
    await mkdir(this.#folder, { recursive: true });
    const kept = this.#kept(file.sha256);
    if (!existsSync(kept)) await createDurably(kept, file.bytes.toString('utf8'));
    return file;
  }

  /** The one with this hash, else the current one: whoever asked compares. */
  async wanted(sha256: string | undefined): Promise<WorkerFile> {
    const current = await this.current();
    if (sha256 === undefined || sha256 === current.sha256) return current;
    const kept = this.#kept(sha256);
    return existsSync(kept) ? fileOf(await readFile(kept)) : current;
  }

  #kept(sha256: string): string {
    return join(this.#folder, `${sha256.replace(/[^0-9a-f]/g, '')}.py`);
  }
}

function fileOf(bytes: Buffer): WorkerFile {
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}
