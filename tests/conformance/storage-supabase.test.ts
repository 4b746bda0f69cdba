import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { composeLayers } from '@/lib/storage/layers/compose-layers.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';
import type { SupabaseStoreConfig } from '@/lib/storage/supabase-config.ts';
import { SupabaseStorageService } from '@/lib/storage/supabase-storage-service.ts';
import { startSupabaseTestStore } from '@/tests/support/supabase-store.ts';
import { describeStorageService, type StorageHarness } from './storage-service.ts';

const bare = (base: StorageService) => base;
const layered = (base: StorageService) => composeLayers(base);

describeStorageService('supabase', () => supabaseHarness({}, bare));
describeStorageService('supabase, all layers', () => supabaseHarness({}, layered));
describeStorageService('supabase, every body resumable', () => supabaseHarness({ resumableAboveBytes: 100 }, layered));

/** Any real project: LONGSHORE_TEST_SUPABASE_URL, _SERVICE_ROLE_KEY and _BUCKET. Objects are removed afterwards. */
const { LONGSHORE_TEST_SUPABASE_URL: realUrl } = process.env;
if (realUrl !== undefined)
  describeStorageService('supabase, the project of the environment', () => realHarness(realUrl));

async function realHarness(url: string): Promise<StorageHarness> {
  const read = (name: string) => process.env[`LONGSHORE_TEST_SUPABASE_${name}`] ?? '';
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  const config = { url, serviceRoleKey: read('SERVICE_ROLE_KEY'), bucket: read('BUCKET') };
  return {
    service: layered(new SupabaseStorageService(config, { guard })),
    missingBucket: layered(new SupabaseStorageService({ ...config, bucket: 'longshore-absent' }, { guard })),
    fetchSigned: (signedUrl, init) => fetch(signedUrl, init),
    close: async () => guard.close(),
  };
}

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
