import type { Files } from '@/lib/composition/files.ts';
import type { Config, PlatformBucketConfig } from '@/lib/config/config.ts';
import { InstallationStores } from '@/lib/placement/installation-stores.ts';
import type { Secrets } from '@/lib/secrets/secrets.ts';
import { userBucketConfig } from '@/lib/secrets/user-bucket.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import type { LayerOptions } from '@/lib/storage/layers/compose-layers.ts';
import { createStorageService, type DatasetStorage, type StorageDependencies } from '@/lib/storage/storage-factory.ts';

export interface StoresGround {
  config: Pick<Config, 'platformBucket'>;
  files: Files;
  baseStore: DatasetStorage;
  secrets: Secrets;
  /** For addresses that users gave. */
  guard: EndpointGuard;
  /** For addresses that the operator set, which may be private. */
  operatorGuard: EndpointGuard;
  /** How buckets are called. Default: as interactive work needs it. */
  layers?: LayerOptions;
}

/** Every store of the installation and of its users, by the address that replica rows record. */
export function composeStores(ground: StoresGround): InstallationStores {
  const { config, files, baseStore, secrets, guard, operatorGuard, layers } = ground;
  const operator = { guard: operatorGuard, layers };
  return new InstallationStores({
    base: baseStore,
    former: [files.store],
    platform: config.platformBucket === undefined ? undefined : platformStore(config.platformBucket, operator),
    secrets: secrets.manager,
    openBucket: (secret) => createStorageService('s3', userBucketConfig(secret, secrets.sessions), { guard, layers }),
  });
}

function platformStore(platform: PlatformBucketConfig, dependencies: StorageDependencies): DatasetStorage | undefined {
  const { bucket, region, endpoint, credentials } = platform;
  if (credentials === undefined) return undefined;
  return createStorageService('s3', { bucket, region, endpoint: endpoint?.origin, credentials }, dependencies);
}
