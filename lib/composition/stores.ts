import { join } from 'node:path';
import type { Config } from '@/lib/config/config.ts';
import type { MasterKeys } from '@/lib/config/master-key.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { addressOf, type StoreRegistry, sameStore, storesOfPhase } from '@/lib/placement/store-registry.ts';
import { FilesystemStorageService } from '@/lib/storage/filesystem-storage-service.ts';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface StoresGround {
  config: Config;
  keys: MasterKeys;
  baseUrl: URL;
}

/** The stores of the installation, and who signs and opens the URLs of those that the app serves itself. */
export interface Stores {
  readonly base: StorageService;
  readonly registry: StoreRegistry;
  readonly fileUrls: FileUrlSigner;
  /** Removes what killed puts left in the base store. */
  sweep(): Promise<number>;
}

export async function composeStores({ config, keys, baseUrl }: StoresGround): Promise<Stores> {
  const fileUrls = new FileUrlSigner({
    publicUrl: baseUrl.origin,
    keys: [{ id: 'k1', secret: keys.derive('url-signing') }],
  });
  const filesystem = await FilesystemStorageService.open({ root: join(config.dataDir, 'objects'), signer: fileUrls });
  const base = composeLayers(filesystem);
  return { base, registry: baseOnly(base), fileUrls, sweep: () => filesystem.sweep() };
}

/** Every dataset has its one copy in the base store. */
function baseOnly(base: StorageService): StoreRegistry {
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
