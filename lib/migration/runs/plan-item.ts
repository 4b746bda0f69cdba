import type { JsonObject, migrationItems } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { ObjectPlace } from '@/lib/migration/types.ts';
import { roleOf } from '@/lib/placement/phase.ts';
import { isVerified } from '@/lib/placement/placement-plan.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import { type StoreTarget, sameStore } from '@/lib/placement/store-registry.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';

export interface PlannedDataset {
  id: string;
  userId: string;
  name: string;
  sizeBytes: number | null;
  objectSha256: string | null;
}

export type NewItem = Omit<typeof migrationItems.$inferInsert, 'runId'>;

/** What a dataset needs. Undefined when it has a verified and preferred copy in its bucket already. Pure. */
export function planItem(
  dataset: PlannedDataset,
  replicas: readonly Replica[],
  target: StoreTarget | undefined,
): NewItem | undefined {
  const item = { datasetId: dataset.id, userId: dataset.userId, name: dataset.name, sizeBytes: dataset.sizeBytes };
  if (target === undefined) return { ...item, state: 'skipped', ...SKIPPED.no_bucket };
  if (arrivedCopy(replicas, target) !== undefined) return undefined;
  const source = chooseSource(replicas, target);
  const there = replicas.some((replica) => isReadable(replica) && sameStore(replica, target));
  if (source === undefined && !there)
    return { ...item, state: 'skipped', ...(replicas.length === 0 ? SKIPPED.not_adopted : SKIPPED.no_source) };
  const destination = destinationOf(dataset, target);
  if (destination === undefined) return { ...item, state: 'skipped', ...SKIPPED.invalid_id };
  return {
    ...item,
    state: 'pending',
    sizeBytes: source?.sizeBytes ?? dataset.sizeBytes,
    sourceReplicaId: source?.id,
    source: source === undefined ? undefined : asJson(placeOf(source)),
    destination: asJson(destination),
  };
}

/** Why datasets are left out, and what to do about it. Running again takes them up. */
export const SKIPPED = {
  no_bucket: {
    errorCode: 'no_bucket',
    errorMessage: 'The user has no bucket, and there is no platform bucket.',
    errorHint: 'Add AWS credentials and a bucket for the user, or set S3_BUCKET, and run again.',
  },
  not_adopted: {
    errorCode: 'not_adopted',
    errorMessage: 'Nothing is known of where this dataset lies.',
    errorHint: 'Run `longshore adopt --apply`, then run again.',
  },
  no_source: {
    errorCode: 'no_source',
    errorMessage: 'No copy of this dataset can be read.',
    errorHint: 'Repair its copies (`longshore repair`), then run again.',
  },
  invalid_id: {
    errorCode: 'invalid_id',
    errorMessage: 'No object key can be made from the ids of this dataset and its user.',
    errorHint: 'Upload the dataset again under an id of letters, digits, - and _.',
  },
  dataset_deleted: {
    errorCode: 'dataset_deleted',
    errorMessage: 'The dataset was deleted meanwhile; what had been copied was removed.',
    errorHint: null,
  },
} as const;

/** The copy that makes a move unnecessary. */
export function arrivedCopy(replicas: readonly Replica[], target: StoreTarget): Replica | undefined {
  return replicas.find((replica) => isVerified(replica) && replica.preferred && sameStore(replica, target));
}

/** Where the bytes come from: a copy in another store, the base store's before others, verified before unverified. */
export function chooseSource(replicas: readonly Replica[], target: StoreTarget): Replica | undefined {
  const rank = (replica: Replica) =>
    (roleOf(replica) === 'base' ? 0 : 4) + (isVerified(replica) ? 0 : 2) + (replica.preferred ? 0 : 1);
  return replicas
    .filter((replica) => isReadable(replica) && !sameStore(replica, target))
    .sort((a, b) => rank(a) - rank(b) || b.generation - a.generation)[0];
}

/** Undefined when no key can be made from the ids. */
export function destinationOf(
  dataset: { id: string; userId: string },
  target: StoreTarget,
  generation = 0,
): ObjectPlace | undefined {
  try {
    const key = datasetObjectKey(target.provider, dataset.userId, dataset.id, generation);
    return { ...addressFields(target), key, generation };
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'invalid_id') return undefined;
    throw error;
  }
}

export function placeOf(replica: Replica): ObjectPlace {
  return { ...addressFields(replica), key: replica.objectKey, generation: replica.generation };
}

function addressFields({ provider, endpoint, region, bucket, secretId }: StoreTarget): StoreTarget {
  return { provider, endpoint, region, bucket, secretId };
}

export function asJson(place: ObjectPlace): JsonObject {
  return { ...place };
}
