import { createHash, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LongshoreError } from '@/lib/errors.ts';
import type { PlacedDataset } from '@/lib/placement/placed-dataset.ts';
import { isBad } from '@/lib/placement/placement-plan.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { HashedBody } from '@/lib/placement/replica-writer.ts';
import type { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import type { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';
import type { SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { writeDurably } from '@/lib/storage/filesystem-durability.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { fileBody } from '@/lib/streams/replayable-body.ts';

export interface VerifiedSource {
  body: HashedBody;
  /** Called once the body is no longer read. */
  dispose(): Promise<void>;
}

/** Finds good bytes of a dataset: its spool, else a copy that was read in full and hashed before anything uses it. */
export class ReplicaSources {
  readonly #spools: SpoolRepository;
  readonly #keeper: SpoolKeeper;
  readonly #directory: SpoolDirectory;
  readonly #replicas: ReplicaRepository;
  readonly #registry: StoreRegistry;

  constructor(parts: {
    spools: SpoolRepository;
    keeper: SpoolKeeper;
    directory: SpoolDirectory;
    replicas: ReplicaRepository;
    registry: StoreRegistry;
  }) {
    this.#spools = parts.spools;
    this.#keeper = parts.keeper;
    this.#directory = parts.directory;
    this.#replicas = parts.replicas;
    this.#registry = parts.registry;
  }

  /** @throws no_good_copy when nothing within reach holds the right bytes; it may help to try again later. */
  async open(dataset: PlacedDataset, signal?: AbortSignal): Promise<VerifiedSource> {
    const spool = await this.#spools.find(dataset.id);
    const body = spool === undefined ? undefined : await this.#keeper.open(spool);
    if (body !== undefined) return { body, dispose: async () => undefined };
    for (const replica of await this.#candidates(dataset.id)) {
      const source = await this.#fetch(replica, dataset, signal);
      if (source !== undefined) return source;
    }
    throw new LongshoreError('no_good_copy', `No copy of dataset ${dataset.id} within reach holds its bytes.`, {
      hint: 'Bring the stores of its other copies back, or delete the dataset and upload it again.',
    });
  }

  /**
   * Copies that were read back before come first. Those found bad come last: where nothing else is left, one of them may
   * be whole after all, and its hash tells.
   */
  async #candidates(datasetId: string): Promise<Replica[]> {
    const replicas = (await this.#replicas.ofDataset(datasetId)).filter(
      (replica) => isReadable(replica) || isBad(replica),
    );
    const age = (replica: Replica) => replica.verifiedAt?.getTime() ?? (isReadable(replica) ? 0 : -1);
    return replicas.sort((a, b) => age(b) - age(a));
  }

  async #fetch(
    replica: Replica,
    dataset: PlacedDataset,
    signal: AbortSignal | undefined,
  ): Promise<VerifiedSource | undefined> {
    const path = join(this.#directory.workFolder, `source-${randomUUID()}.jsonl.gz`);
    const dispose = () => rm(path, { force: true });
    try {
      const sha256 = await this.#download(replica, path, signal);
      if (sha256 === dataset.objectSha256) return { body: { ...(await fileBody(path)), sha256 }, dispose };
      await dispose();
      return undefined;
    } catch (error) {
      await dispose();
      if (StorageError.is(error) && error.code !== 'aborted') return undefined;
      throw error;
    }
  }

  async #download(replica: Replica, path: string, signal: AbortSignal | undefined): Promise<string> {
    const service = await this.#registry.resolve(replica);
    const { body } = await service.get(replica.objectKey, { versionId: replica.versionId ?? undefined, signal });
    const hash = createHash('sha256');
    await writeDurably(path, body, { signal, onChunk: (chunk) => hash.update(chunk) });
    return hash.digest('hex');
  }
}
