import { LongshoreError } from '@/lib/errors.ts';
import { type Phase, writtenRoles } from '@/lib/placement/phase.ts';
import type { StorageProvider, StorageService } from '@/lib/storage/storage-service.ts';

/** Where a store is, as replica rows record it: enough to reach it again after every setting has changed. */
export interface StoreAddress {
  provider: StorageProvider;
  endpoint: string | null;
  region: string | null;
  bucket: string;
  /** The secret version that reaches it; null for the installation's own credentials. */
  secretId: string | null;
}

/** A store that should hold a copy. */
export type StoreTarget = StoreAddress;

/** Knows every store of the installation and of its users. */
export interface StoreRegistry {
  /**
   * Stores that should hold a copy of the user's datasets in this phase, base first.
   * @throws bucket_required where the phase needs a bucket and neither the user nor the platform has one.
   */
  wanted(userId: string, phase: Phase): Promise<StoreTarget[]>;
  /**
   * The service that reaches a copy.
   * @throws store_unknown when the address or its credentials are no longer known.
   */
  resolve(address: StoreAddress & { userId: string }): Promise<StorageService>;
}

/** What an installation offers one user. */
export interface AvailableStores {
  base: StoreTarget;
  /** The user's own bucket, else the platform's. */
  bucket: StoreTarget | undefined;
}

/** The stores of a phase among those there are: a missing bucket is no error until the phase has nothing else. */
export function storesOfPhase(phase: Phase, stores: AvailableStores): StoreTarget[] {
  const targets = writtenRoles(phase).flatMap((role) => stores[role] ?? []);
  if (targets.length > 0) return targets;
  throw new LongshoreError('bucket_required', 'This installation keeps datasets in S3 only, and you have no bucket.', {
    hint: 'Add your AWS credentials and bucket under Secrets, or ask an admin to step back to hybrid_read.',
  });
}

/** Address equality: the same bucket of the same store, whichever credentials reach it. */
export function sameStore(a: StoreAddress, b: StoreAddress): boolean {
  return a.provider === b.provider && a.bucket === b.bucket && (a.endpoint ?? '') === (b.endpoint ?? '');
}

/** The address of a service, as a replica row records it. */
export function addressOf(service: StorageService, secretId: string | null): StoreAddress {
  const { provider, bucket } = service;
  return { provider, bucket, endpoint: service.endpoint ?? null, region: service.region ?? null, secretId };
}
