import type { MigrationItem, ObjectPlace } from '@/lib/migration/types.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';

/** Removes what an item has sent to a bucket and no replica row names. */
export class CopyRemains {
  readonly #registry: StoreRegistry;
  readonly #replicas: ReplicaRepository;

  constructor(parts: { registry: StoreRegistry; replicas: ReplicaRepository }) {
    this.#registry = parts.registry;
    this.#replicas = parts.replicas;
  }

  /** Of an item that an earlier attempt may have begun. Of one that was never worked on there is nothing. */
  async remove(item: MigrationItem): Promise<void> {
    if (item.destination === null || (item.attempt <= 1 && item.uploadState === null)) return;
    await this.removeAt(item, item.destination as unknown as ObjectPlace);
  }

  /** The object and its unfinished uploads. A key that a living replica row names stays. */
  async removeAt(item: Pick<MigrationItem, 'userId' | 'datasetId'>, place: ObjectPlace): Promise<void> {
    const { userId, datasetId } = item;
    if (await this.#replicas.claimsAddress({ ...place, userId, datasetId, objectKey: place.key })) return;
    const service = await this.#registry.resolve({ ...place, userId });
    await service.delete(place.key, { allVersions: true, unfinished: true });
  }
}
