import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import type { SupabaseStoreConfig } from '@/lib/storage/supabase-config.ts';
import { SupabaseStorageService } from '@/lib/storage/supabase-storage-service.ts';
import {
  type SupabaseSandbox,
  type SupabaseSandboxOptions,
  startSupabaseSandbox,
} from '@/sandbox/supabase/start-supabase-sandbox.ts';

export interface SupabaseTestStore {
  sandbox: SupabaseSandbox;
  guard: EndpointGuard;
  config: SupabaseStoreConfig;
  service: SupabaseStorageService;
  /** The same store with other settings. */
  variant(changes: Partial<SupabaseStoreConfig>): SupabaseStorageService;
  close(): Promise<void>;
}

/** A sandbox Supabase Storage server and a service that speaks to it. */
export async function startSupabaseTestStore(
  changes: Partial<SupabaseStoreConfig> = {},
  options: SupabaseSandboxOptions = {},
): Promise<SupabaseTestStore> {
  const sandbox = await startSupabaseSandbox(options);
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  const config = { url: sandbox.url, serviceRoleKey: sandbox.serviceRoleKey, bucket: sandbox.bucket, ...changes };
  const variant = (more: Partial<SupabaseStoreConfig>) => new SupabaseStorageService({ ...config, ...more }, { guard });
  const close = async () => {
    guard.close();
    await sandbox.close();
  };
  return { sandbox, guard, config, service: variant({}), variant, close };
}
