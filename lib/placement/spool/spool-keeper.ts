import { stat } from 'node:fs/promises';
import type { Database, Executor } from '@/lib/db/database.ts';
import { lockPlaced } from '@/lib/placement/placed-dataset.ts';
import type { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import type { Spool, SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';
import { errnoOf } from '@/lib/storage/filesystem-errors.ts';
import { fileBody, type ReplayableBody } from '@/lib/streams/replayable-body.ts';

/** Spool rows and their files together. */
export class SpoolKeeper {
  readonly #db: Database;
  readonly #directory: SpoolDirectory;
  readonly #spools: SpoolRepository;

  constructor(db: Database, directory: SpoolDirectory, spools: SpoolRepository) {
    this.#db = db;
    this.#directory = directory;
    this.#spools = spools;
  }

  /** The bytes of a spool of this host. Undefined when the file is not there, or not as long as its row says. */
  async open(spool: Spool): Promise<(ReplayableBody & { sha256: string }) | undefined> {
    if (!this.#spools.isMine(spool)) return undefined;
    if (!(await this.hasFile(spool.fileName, spool.sizeBytes))) return undefined;
    return { ...(await fileBody(this.#directory.pathOf(spool.fileName))), sha256: spool.objectSha256 };
  }

  /** Those of the datasets that have a spool, on whatever host. */
  async holdsAmong(datasetIds: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#spools.namedAmong(datasetIds);
  }

  async hasFile(fileName: string, sizeBytes: number): Promise<boolean> {
    return (await sizeOf(this.#directory.pathOf(fileName))) === sizeBytes;
  }

  /**
   * Ends a spool of this host: the row first, then the file, so that a file without a row is always nobody's. `mayEnd`
   * is asked under the dataset's lock. Returns true when there is no spool of this host any more.
   */
  async release(datasetId: string, mayEnd: (tx: Executor) => Promise<boolean>): Promise<boolean> {
    const spool = await this.#spools.find(datasetId);
    if (spool === undefined) return true;
    if (!this.#spools.isMine(spool)) return false;
    const ended = await this.#db.transaction(async (tx) => {
      await lockPlaced(tx, datasetId);
      if (!(await mayEnd(tx))) return false;
      await this.#spools.remove(tx, datasetId);
      return true;
    });
    if (ended) await this.#directory.remove(spool.fileName);
    return ended;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
