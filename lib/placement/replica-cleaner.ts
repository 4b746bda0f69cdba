import { manifestKey } from '@/lib/placement/manifest-key.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { ObjectAddress, ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { DATASET_DELETED, type Tombstone, type TombstoneRepository } from '@/lib/placement/tombstone-repository.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService, UploadState } from '@/lib/storage/storage-service.ts';

type Unfinished = ObjectAddress & { uploadState: unknown };

const LOOK_AGAIN_MS = 6 * 60 * 60 * 1000;
/** With LOOK_AGAIN_MS about two months: by then a store that does not answer is gone. */
const MAX_CHECKS = 240;

/** Removes objects. It never decides that one may go: rows in `deleting` and due tombstones do. */
export class ReplicaCleaner {
  readonly #replicas: ReplicaRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #registry: StoreRegistry;

  constructor(parts: { replicas: ReplicaRepository; tombstones: TombstoneRepository; registry: StoreRegistry }) {
    this.#replicas = parts.replicas;
    this.#tombstones = parts.tombstones;
    this.#registry = parts.registry;
  }

  /** Removes the object of a `deleting` replica, then its row. May be repeated after a crash at any point. */
  async removeReplica(replica: Replica, signal?: AbortSignal): Promise<void> {
    if (replica.state !== 'deleting') throw new Error(`replica ${replica.id} is ${replica.state}, not deleting`);
    const service = await this.#registry.resolve(replica);
    if (!(await this.#replicas.isNamedByRow(replica))) await this.#removeObject(service, replica, signal);
    await this.#replicas.removeDeleting(replica.id);
  }

  /** Removes the manifest that lies beside a replica. It goes before the object, so it is never found without one. */
  async removeManifest(replica: Replica, signal?: AbortSignal): Promise<void> {
    const service = await this.#registry.resolve(replica);
    const { provider, userId, datasetId } = replica;
    await service.delete(manifestKey(provider, userId, datasetId), { allVersions: true, signal });
  }

  /** A writer lost its claim: what it stored is removed unless a living row names the same address. */
  async removeUnclaimed(address: Unfinished): Promise<void> {
    if (await this.#replicas.claimsAddress(address)) return;
    await this.#removeObject(await this.#registry.resolve(address), address);
  }

  /** Looks at addresses where a late completion may have left something. Returns how many were looked at. */
  async checkTombstones(limit = 100, signal?: AbortSignal): Promise<number> {
    const due = await this.#tombstones.due(limit);
    for (const tombstone of due) {
      signal?.throwIfAborted();
      await this.#check(tombstone, signal);
    }
    return due.length;
  }

  async #check(tombstone: Tombstone, signal: AbortSignal | undefined): Promise<void> {
    try {
      if (await this.#replicas.isBeingMovedTo(tombstone))
        return await this.#tombstones.again(tombstone.id, LOOK_AGAIN_MS);
      if (!(await this.#isWanted(tombstone))) await this.#bury(tombstone, signal);
      await this.#tombstones.done(tombstone.id);
    } catch (error) {
      signal?.throwIfAborted();
      if (!StorageError.is(error) && tombstone.checks === 0) throw error;
      if (tombstone.checks < MAX_CHECKS) await this.#tombstones.again(tombstone.id, LOOK_AGAIN_MS);
      else await this.#tombstones.done(tombstone.id);
    }
  }

  async #isWanted(tombstone: Tombstone): Promise<boolean> {
    return (await this.#replicas.claimsAddress(tombstone)) || (await this.#replicas.isNamedByRow(tombstone));
  }

  async #bury(tombstone: Tombstone, signal: AbortSignal | undefined): Promise<void> {
    const service = await this.#registry.resolve(tombstone);
    const { provider, userId, datasetId } = tombstone;
    if (tombstone.reason === DATASET_DELETED) {
      await service.delete(manifestKey(provider, userId, datasetId), { allVersions: true, signal });
    }
    await this.#removeObject(service, tombstone, signal);
  }

  async #removeObject(service: StorageService, address: Unfinished, signal?: AbortSignal): Promise<void> {
    if (address.uploadState) await service.abortUpload(address.uploadState as UploadState);
    await service.delete(address.objectKey, { allVersions: true, signal });
  }
}
