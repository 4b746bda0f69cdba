export interface SupabaseStoreConfig {
  /** `https://<ref>.supabase.co`, or where a self-hosted one is. */
  url: string;
  /** A service-role key: row-level security would make objects look absent. */
  serviceRoleKey: string;
  bucket: string;
  /** Where large uploads go. Default: the project's storage host on hosted Supabase, else `url`. */
  uploadUrl?: string;
  /** Bodies above this many bytes go up resumably. Default 50,000,000. */
  resumableAboveBytes?: number;
}

/** Supabase documents exactly this size for every chunk but the last. */
export const TUS_CHUNK_BYTES = 6 * 1024 * 1024;
/** Standard uploads above 50 MB are refused on the Free plan, and start from zero after every cut. */
export const RESUMABLE_ABOVE_BYTES = 50_000_000;
/** The store behind keeps at most 10,000 parts of one chunk each. */
export const MAX_SUPABASE_OBJECT_BYTES = 10_000 * TUS_CHUNK_BYTES;

/** Hosted projects take large uploads at a host of their own (Supabase's guide on resumable uploads). */
export function uploadUrlOf(config: SupabaseStoreConfig): string {
  if (config.uploadUrl !== undefined) return config.uploadUrl;
  const project = /^https:\/\/([a-z0-9-]+)\.supabase\.co\/?$/.exec(config.url)?.[1];
  return project === undefined ? config.url : `https://${project}.storage.supabase.co`;
}
