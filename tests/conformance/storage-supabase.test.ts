import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import type { SupabaseStoreConfig } from '@/lib/storage/supabase-config.ts';
import { startSupabaseTestStore } from '@/tests/support/supabase-store.ts';
import { describeStorageService, type StorageHarness } from './storage-service.ts';

const bare = (base: StorageService) => base;
const layered = (base: StorageService) => composeLayers(base);

describeStorageService('supabase', () => supabaseHarness({}, bare));
describeStorageService('supabase, all layers', () => supabaseHarness({}, layered));
describeStorageService('supabase, every body resumable', () => supabaseHarness({ resumableAboveBytes: 100 }, layered));

async function supabaseHarness(
  changes: Partial<SupabaseStoreConfig>,
  stack: (base: StorageService) => StorageService,
): Promise<StorageHarness> {
  const store = await startSupabaseTestStore(changes);
  return {
    service: stack(store.service),
    missingBucket: stack(store.variant({ bucket: 'no-such-bucket' })),
    fetchSigned: (url, init) => fetch(url, init),
    close: store.close,
  };
}
