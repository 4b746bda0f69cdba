import type { Files } from '@/lib/composition/files.ts';
import type { Config } from '@/lib/config/config.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import type { LayerOptions } from '@/lib/storage/layers/compose-layers.ts';
import { createStorageService, type DatasetStorage } from '@/lib/storage/storage-factory.ts';

/**
 * The store that every installation has: Supabase Storage when it is configured, else the filesystem.
 * @param guard for addresses that the operator set, which may be private
 */
export function composeBaseStore(
  config: Pick<Config, 'supabase'>,
  files: Files,
  guard: EndpointGuard,
  layers?: LayerOptions,
): DatasetStorage {
  if (config.supabase === undefined) return files.store;
  const { url, serviceRoleKey, storageBucket } = config.supabase;
  return createStorageService(
    'supabase',
    { url: url.origin, serviceRoleKey, bucket: storageBucket },
    { guard, layers },
  );
}
