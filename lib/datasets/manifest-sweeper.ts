import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { ManifestFiles } from '@/lib/datasets/manifest-files.ts';
import type { SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';

/** How long manifests and tombstones outlive their reason: long after any disk has written the database back. */
const GRACE_MS = 60 * 60 * 1000;

/** Removes manifests whose dataset is safely in the database, and tombstones of datasets that are gone from it. */
export class ManifestSweeper {
  readonly #files: ManifestFiles;
  readonly #datasets: DatasetRepository;
  readonly #spools: SpoolRepository;
  readonly #now: () => Date;
  readonly #graceMs: number;

  constructor(parts: {
    files: ManifestFiles;
    datasets: DatasetRepository;
    spools: SpoolRepository;
    now: () => Date;
    graceMs?: number;
  }) {
    this.#files = parts.files;
    this.#datasets = parts.datasets;
    this.#spools = parts.spools;
    this.#now = parts.now;
    this.#graceMs = parts.graceMs ?? GRACE_MS;
  }

  async sweep(): Promise<void> {
    for (const id of await this.#files.manifestIds()) {
      if ((await this.#isOld(id)) && (await this.#isSettled(id))) await this.#files.remove(id);
    }
    for (const id of await this.#files.tombstoneIds()) {
      if ((await this.#isOld(id)) && !(await this.#datasets.exists(id))) await this.#files.removeTombstone(id);
    }
    await this.#files.removeDrafts(new Date(this.#now().getTime() - GRACE_MS));
  }

  async #isOld(id: string): Promise<boolean> {
    const writtenAt = await this.#files.writtenAt(id);
    return writtenAt !== undefined && this.#now().getTime() - writtenAt.getTime() > this.#graceMs;
  }

  /** Ready and released, or gone: an unfinished one is still to be restored from its manifest. */
  async #isSettled(id: string): Promise<boolean> {
    if ((await this.#spools.find(id)) !== undefined) return false;
    const dataset = await this.#datasets.load(id);
    return dataset?.status !== 'uploading';
  }
}
