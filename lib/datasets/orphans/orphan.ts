import type { StorePlace } from '@/lib/placement/store-inventory.ts';
import type { DatasetKey } from '@/lib/storage/object-key.ts';
import type { ObjectStat } from '@/lib/storage/storage-service.ts';

/**
 * What an object that no row knows is.
 *
 * - `adoptable`: signed by us, and its dataset lives with these very bytes: one more copy of it.
 * - `restorable`: signed by us, and the database knows nothing of its dataset: `longshore rebuild` gives it back.
 * - `deleted`: signed by us, and its dataset was deleted.
 * - `stale`: signed by us, and its dataset lives with other bytes.
 * - `quarantined`: not signed by us, or signed for another place. Never served, adopted or removed.
 */
export type OrphanVerdict = 'adoptable' | 'restorable' | 'deleted' | 'stale' | 'quarantined';

/** An object in a store that no row names. */
export interface Orphan {
  place: StorePlace;
  key: DatasetKey;
  stat: ObjectStat;
  verdict: OrphanVerdict;
  /** Why it is quarantined. */
  reason: 'unsigned' | 'other_installation' | 'wrong_place' | null;
  /** Of the object, as its signature says; null where that proves nothing. */
  objectSha256: string | null;
}

/** An orphan as the API shows it. */
export interface OrphanJson {
  store: string;
  provider: string;
  bucket: string;
  key: string;
  kind: 'object' | 'manifest';
  size_bytes: number;
  last_modified: string | null;
  verdict: OrphanVerdict;
  reason: Orphan['reason'];
  user_id: string;
  dataset_id: string;
}

export function orphanJson({ place, key, stat, verdict, reason }: Orphan): OrphanJson {
  return {
    store: place.id,
    provider: place.address.provider,
    bucket: place.address.bucket,
    key: stat.key,
    kind: key.kind,
    size_bytes: stat.sizeBytes,
    last_modified: stat.lastModified?.toISOString() ?? null,
    verdict,
    reason,
    user_id: key.userId,
    dataset_id: key.datasetId,
  };
}
