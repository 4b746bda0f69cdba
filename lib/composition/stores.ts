import { LongshoreError } from '@/lib/errors.ts';
import { addressOf, type StoreRegistry, sameStore, storesOfPhase } from '@/lib/placement/store-registry.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

/** The stores of an installation that has nothing but its base store: every dataset has its one copy there. */
export function baseOnly(base: StorageService): StoreRegistry {
  const target = addressOf(base, null);
  return {
    wanted: async (_userId, phase) => storesOfPhase(phase, { base: target, bucket: undefined }),
    resolve: async (address) => {
      if (sameStore(address, target)) return base;
      throw new LongshoreError('store_unknown', `The ${address.provider} store ${address.bucket} is not known here.`, {
        hint: 'Configure it again, or delete the datasets that have copies there.',
      });
    },
  };
}
