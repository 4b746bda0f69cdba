import { inArray } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { trainingDatasets } from '@/lib/db/schema.ts';
import type { CopyRemains } from '@/lib/migration/engine/copy-remains.ts';
import type { ItemJournal } from '@/lib/migration/engine/item-journal.ts';
import { type ItemOutcome, outcomeOf } from '@/lib/migration/engine/item-outcome.ts';
import type { ObjectCopier } from '@/lib/migration/engine/object-copier.ts';
import { arrivedCopy, asJson, chooseSource, destinationOf, SKIPPED } from '@/lib/migration/runs/plan-item.ts';
import { bucketOf, groupByDataset } from '@/lib/migration/runs/planner.ts';
import type { MigrationItem, ObjectPlace } from '@/lib/migration/types.ts';
import { isFenced, isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { ReplicaVerifier } from '@/lib/placement/replica-verifier.ts';
import { type StoreRegistry, type StoreTarget, sameStore } from '@/lib/placement/store-registry.ts';

/** What the rows said of a dataset when its item was claimed. */
export interface KnownDataset {
  id: string;
  userId: string;
  status: string;
  deletedAt: Date | null;
  objectSha256: string | null;
  sizeBytes: number | null;
}

export interface PreparedItem {
  item: MigrationItem;
  dataset: KnownDataset | undefined;
  replicas: Replica[];
}

/** How far an attempt is; read by the signs of life while it goes on. */
export interface Track {
  readonly signal: AbortSignal;
  bytesCopied: number;
  arrived: boolean;
  destination: ObjectPlace | undefined;
  source: Replica | undefined;
  /** Waits until so many bytes may count as read from a source. */
  onRead(bytes: number): Promise<void>;
}

/** Placement looks at a copy that it writes itself within this time. */
const PLACEMENT_DELAY_MS = 15_000;
const TARGET_AGE_MS = 30_000;

const BEING_WRITTEN = {
  errorCode: 'placement_writes',
  errorMessage: 'The copy in the bucket is being written by placement already.',
  errorHint: 'Nothing to do: the item is done as soon as that copy was read back.',
};

/** Takes one item as far as it goes: decides what it needs, copies, reads back. */
export class ItemRunner {
  readonly #db: Database;
  readonly #registry: StoreRegistry;
  readonly #replicas: ReplicaRepository;
  readonly #verifier: ReplicaVerifier;
  readonly #journal: ItemJournal;
  readonly #copier: ObjectCopier;
  readonly #remains: CopyRemains;
  readonly #targets = new Map<string, { target: StoreTarget | undefined; askedAtMs: number }>();

  constructor(parts: {
    db: Database;
    registry: StoreRegistry;
    replicas: ReplicaRepository;
    verifier: ReplicaVerifier;
    journal: ItemJournal;
    copier: ObjectCopier;
    remains: CopyRemains;
  }) {
    this.#db = parts.db;
    this.#registry = parts.registry;
    this.#replicas = parts.replicas;
    this.#verifier = parts.verifier;
    this.#journal = parts.journal;
    this.#copier = parts.copier;
    this.#remains = parts.remains;
  }

  /** Reads what the rows know of claimed items: two statements, however many there are. */
  async prepare(items: readonly MigrationItem[]): Promise<PreparedItem[]> {
    if (items.length === 0) return [];
    const ids = items.map((item) => item.datasetId);
    const datasets = new Map((await this.#datasets(ids)).map((dataset) => [dataset.id, dataset]));
    const replicas = groupByDataset(await this.#replicas.ofDatasets(ids));
    return items.map((item) => {
      return { item, dataset: datasets.get(item.datasetId), replicas: replicas.get(item.datasetId) ?? [] };
    });
  }

  /** Never throws: what went wrong is part of the outcome. */
  async run(prepared: PreparedItem, track: Track): Promise<ItemOutcome> {
    return this.#guarded(prepared, track, () => this.#attempt(prepared, track));
  }

  /** Takes back what a cancelled run has begun and not finished. */
  async takeBack(prepared: PreparedItem, track: Track): Promise<ItemOutcome> {
    return this.#guarded(prepared, track, async () => {
      await this.#remains.remove(prepared.item);
      return { kind: 'skipped', fault: CANCELLED };
    });
  }

  async #guarded({ item }: PreparedItem, track: Track, work: () => Promise<ItemOutcome>): Promise<ItemOutcome> {
    try {
      return await work();
    } catch (error) {
      if (track.signal.aborted || isFenced(error)) return { kind: 'left' };
      return outcomeOf(error, item.failures);
    }
  }

  async #attempt({ item, dataset, replicas }: PreparedItem, track: Track): Promise<ItemOutcome> {
    if (dataset === undefined || dataset.status !== 'ready' || dataset.deletedAt !== null) {
      await this.#remains.remove(item);
      return { kind: 'skipped', fault: SKIPPED.dataset_deleted };
    }
    const target = await this.#target(dataset.userId);
    if (target === undefined) return this.#leftOut(item, SKIPPED.no_bucket);
    const found = await this.#foundThere(replicas, target, track);
    if (found !== undefined) return found;
    const source = chooseSource(replicas, target);
    if (source === undefined)
      return this.#leftOut(item, replicas.length === 0 ? SKIPPED.not_adopted : SKIPPED.no_source);
    return this.#copy({ item, dataset, replicas }, { source, target }, track);
  }

  async #copy(
    { item, dataset, replicas }: PreparedItem & { dataset: KnownDataset },
    { source, target }: { source: Replica; target: StoreTarget },
    track: Track,
  ): Promise<ItemOutcome> {
    const destination = freeDestination(dataset, replicas, target);
    if (destination === undefined) return this.#leftOut(item, SKIPPED.invalid_id);
    const planned = placeIn(item);
    const moved = planned === undefined || !isSamePlace(planned, destination);
    if (moved) {
      // The bucket has changed since: what lies in the old one is nobody's.
      await this.#remains.remove(item);
      Object.assign(item, { attempt: item.attempt, uploadState: null, copiedAt: null, destination });
    }
    if (moved || item.sourceReplicaId !== source.id) await this.#intend(item, source, destination, moved);
    track.destination = destination;
    track.source = source;
    return this.#copier.copy({ item, dataset, source, destination, fresh: moved || item.attempt === 1 }, track);
  }

  async #intend(item: MigrationItem, source: Replica, destination: ObjectPlace, moved: boolean): Promise<void> {
    const { provider, endpoint, region, bucket, secretId, objectKey, generation } = source;
    const place = { provider, endpoint, region, bucket, secretId, key: objectKey, generation };
    const started = moved ? { uploadState: null, copiedAt: null, bytesCopied: 0 } : {};
    await this.#journal.intend(item, {
      ...{ sourceReplicaId: source.id, source: place, destination: asJson(destination) },
      ...started,
    });
  }

  /** A copy that is in the bucket already, or on its way there by placement's own hand. */
  async #foundThere(replicas: Replica[], target: StoreTarget, track: Track): Promise<ItemOutcome | undefined> {
    const arrived = arrivedCopy(replicas, target);
    if (arrived !== undefined) return foundCopy(arrived);
    const there = replicas.filter((replica) => sameStore(replica, target));
    for (const replica of there.filter(isReadable)) {
      const verdict = await this.#verifier.verify(replica.id, track.signal);
      if (verdict === 'verified') return foundCopy((await this.#replicas.find(replica.id)) ?? replica);
      if (verdict === undefined) return this.#wait();
    }
    const onItsWay = there.some((replica) => replica.state === 'pending' || replica.state === 'failed');
    return onItsWay ? this.#wait() : undefined;
  }

  #wait(): ItemOutcome {
    return { kind: 'later', fault: BEING_WRITTEN, delayMs: PLACEMENT_DELAY_MS, counts: true };
  }

  async #leftOut(item: MigrationItem, fault: (typeof SKIPPED)[keyof typeof SKIPPED]): Promise<ItemOutcome> {
    await this.#remains.remove(item);
    return { kind: 'skipped', fault };
  }

  async #target(userId: string): Promise<StoreTarget | undefined> {
    const known = this.#targets.get(userId);
    if (known !== undefined && performance.now() - known.askedAtMs < TARGET_AGE_MS) return known.target;
    const target = await bucketOf(this.#registry, userId);
    this.#targets.set(userId, { target, askedAtMs: performance.now() });
    return target;
  }

  async #datasets(ids: readonly string[]): Promise<KnownDataset[]> {
    const T = trainingDatasets;
    return this.#db
      .select({
        id: T.id,
        userId: T.userId,
        status: T.status,
        deletedAt: T.deletedAt,
        objectSha256: T.objectSha256,
        sizeBytes: T.fileSizeBytes,
      })
      .from(T)
      .where(inArray(T.id, [...ids]));
  }
}

const CANCELLED = {
  errorCode: 'cancelled',
  errorMessage: 'The run was cancelled before this dataset was moved.',
  errorHint: 'Plan a new run to move it.',
};

function foundCopy(replica: Replica): ItemOutcome {
  return { kind: 'found', replicaId: replica.id, sha256: replica.objectSha256, sizeBytes: replica.sizeBytes };
}

/** Under a key that no row of the dataset has had in this store: nothing is ever overwritten. */
function freeDestination(
  dataset: { id: string; userId: string },
  replicas: readonly Replica[],
  target: StoreTarget,
): ObjectPlace | undefined {
  const used = replicas.filter((replica) => sameStore(replica, target)).map((replica) => replica.generation);
  return destinationOf(dataset, target, Math.max(-1, ...used) + 1);
}

export function placeIn(item: MigrationItem): ObjectPlace | undefined {
  return item.destination === null ? undefined : (item.destination as unknown as ObjectPlace);
}

function isSamePlace(a: ObjectPlace, b: ObjectPlace): boolean {
  return sameStore(a, b) && a.key === b.key && a.secretId === b.secretId;
}
