import type { KnownDataset, KnownObjects } from '@/lib/datasets/orphans/known-objects.ts';
import type { Orphan } from '@/lib/datasets/orphans/orphan.ts';
import { type IntegrityKeys, identityOf } from '@/lib/placement/integrity.ts';
import type { StorePlace } from '@/lib/placement/store-inventory.ts';
import { parseDatasetKey } from '@/lib/storage/object-key.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, StorageService } from '@/lib/storage/storage-service.ts';

export interface OrphanFinderParts {
  known: KnownObjects;
  keys: IntegrityKeys;
  installationId: string;
  /** Younger objects may belong to a write that is still under way: they are never orphans. */
  graceMs: number;
  now: () => Date;
  /** Deletions that this host remembers without the database. */
  isBuried(datasetId: string): Promise<boolean>;
}

type Judged = Pick<Orphan, 'verdict' | 'reason' | 'objectSha256'>;
type Candidate = { key: NonNullable<ReturnType<typeof parseDatasetKey>>; stat: ObjectStat };

const quarantined = (reason: NonNullable<Orphan['reason']>): Judged => ({
  verdict: 'quarantined',
  reason,
  objectSha256: null,
});

/** Tells objects that no row names from those that are somebody's, and says what each of them is. */
export class OrphanFinder {
  readonly #parts: OrphanFinderParts;

  constructor(parts: OrphanFinderParts) {
    this.#parts = parts;
  }

  /** One page of a store's listing, judged. */
  async page(place: StorePlace, cursor: string | undefined, signal?: AbortSignal) {
    const service = await place.open();
    const { objects, nextCursor } = await service.list(place.prefix, { cursor, signal });
    const orphans = await this.#judgeAll(place, service, objects);
    return { orphans, looked: objects.length, nextCursor };
  }

  /** One object, looked at afresh. Undefined when it is gone, young, or somebody's after all. */
  async find(place: StorePlace, objectKey: string): Promise<Orphan | undefined> {
    const service = await place.open();
    const stat = await statOrGone(service, objectKey);
    if (stat === undefined || !objectKey.startsWith(place.prefix)) return undefined;
    const [orphan] = await this.#judgeAll(place, service, [stat]);
    return orphan;
  }

  async #judgeAll(place: StorePlace, service: StorageService, objects: readonly ObjectStat[]): Promise<Orphan[]> {
    const { known } = this.#parts;
    const { provider } = place.address;
    const candidates = objects.flatMap((stat): Candidate[] => {
      const key = parseDatasetKey(provider, stat.key);
      return key === undefined || this.#isYoung(stat) ? [] : [{ key, stat }];
    });
    const named = await known.named(
      place.address,
      candidates.map(({ stat }) => stat.key),
    );
    const unnamed = candidates.filter(({ stat }) => !named.has(stat.key));
    const ids = [...new Set(unnamed.map(({ key }) => key.datasetId))];
    const [datasets, deleted] = await Promise.all([known.datasets(ids), known.deleted(ids)]);
    const orphans: Orphan[] = [];
    for (const candidate of unnamed) {
      const { datasetId } = candidate.key;
      const facts = { dataset: datasets.get(datasetId), deleted: deleted.has(datasetId) };
      const orphan = await this.#judge(place, service, candidate, facts);
      if (orphan !== undefined) orphans.push(orphan);
    }
    return orphans;
  }

  async #judge(
    place: StorePlace,
    service: StorageService,
    candidate: Candidate,
    facts: { dataset: KnownDataset | undefined; deleted: boolean },
  ): Promise<Orphan | undefined> {
    const { dataset } = facts;
    // Its write, or its removal, is under way: rows and tombstones take care of it.
    if (dataset !== undefined && (dataset.deleted || dataset.status !== 'ready')) return undefined;
    if (candidate.key.kind === 'manifest') return this.#judgeManifest(place, candidate, facts);
    const stat = await statOrGone(service, candidate.stat.key);
    if (stat === undefined || this.#isYoung(stat)) return undefined;
    const judged = await this.#judgeObject(candidate.key, stat, facts);
    if (judged.reason === 'unsigned' && (await this.#parts.known.isOldPath(stat.key))) return undefined;
    return { place, key: candidate.key, stat, ...judged };
  }

  /** A manifest follows its dataset; what it says is only believed by its own signature, when it is used. */
  async #judgeManifest(
    place: StorePlace,
    { key, stat }: Candidate,
    { dataset, deleted }: { dataset: KnownDataset | undefined; deleted: boolean },
  ): Promise<Orphan | undefined> {
    if (dataset !== undefined) return undefined;
    const gone = deleted || (await this.#parts.isBuried(key.datasetId));
    return { place, key, stat, verdict: gone ? 'deleted' : 'restorable', reason: null, objectSha256: null };
  }

  async #judgeObject(
    key: Candidate['key'],
    stat: ObjectStat,
    { dataset, deleted }: { dataset: KnownDataset | undefined; deleted: boolean },
  ): Promise<Judged> {
    const identity = identityOf(stat.metadata, this.#parts.keys);
    if (identity === undefined) return quarantined('unsigned');
    if (identity.installationId !== this.#parts.installationId) return quarantined('other_installation');
    if (identity.datasetId !== key.datasetId || identity.userId !== key.userId) return quarantined('wrong_place');
    const { objectSha256 } = identity;
    const judged = (verdict: Orphan['verdict']): Judged => ({ verdict, reason: null, objectSha256 });
    if (dataset === undefined) {
      return judged(deleted || (await this.#parts.isBuried(key.datasetId)) ? 'deleted' : 'restorable');
    }
    if (dataset.userId !== key.userId) return quarantined('wrong_place');
    return judged(dataset.objectSha256 === objectSha256 ? 'adoptable' : 'stale');
  }

  /** Without a time nothing is known, and nothing may be concluded. */
  #isYoung({ lastModified }: ObjectStat): boolean {
    return lastModified === undefined || this.#parts.now().getTime() - lastModified.getTime() < this.#parts.graceMs;
  }
}

async function statOrGone(service: StorageService, key: string): Promise<ObjectStat | undefined> {
  try {
    return await service.stat(key);
  } catch (error) {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  }
}
