import type { Reply } from '@/sandbox/exchange.ts';
import { type BucketRow, isValidBucketName } from './object-rows.ts';
import { jsonReply, refusals } from './storage-api-error.ts';
import type { SupabaseCall } from './supabase-call.ts';

export async function createBucket(call: SupabaseCall): Promise<Reply> {
  const body = await call.json();
  const id = String(body.id ?? body.name ?? '');
  if (!call.caller.bypassesPolicies) throw refusals.rowLevelSecurity();
  if (!isValidBucketName(id)) throw refusals.invalidBucketName();
  if (call.store.bucket(id) !== undefined) throw refusals.bucketExists();
  const now = call.nowIso();
  const settings = settingsOf(body);
  call.store.saveBucket({
    ...settings,
    id,
    name: String(body.name ?? id),
    owner: '',
    created_at: now,
    updated_at: now,
  });
  return jsonReply({ name: String(body.name ?? id) });
}

function settingsOf(
  body: Record<string, unknown>,
): Pick<BucketRow, 'public' | 'file_size_limit' | 'allowed_mime_types'> {
  return {
    public: body.public === true,
    file_size_limit: sizeLimit(body.file_size_limit),
    allowed_mime_types: Array.isArray(body.allowed_mime_types) ? body.allowed_mime_types.map(String) : null,
  };
}

const UNITS: Record<string, number> = { gb: 1e9, mb: 1e6, kb: 1e3, b: 1 };

/** A number of bytes, or text such as `20MB`. */
function sizeLimit(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || /^\d+$/.test(String(value))) return Number(value);
  const match = /^(\d+(?:\.\d+)?)(gb|mb|kb|b)$/i.exec(String(value));
  if (match === null) throw refusals.invalidRequest('Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B');
  return Number(match[1]) * (UNITS[(match[2] ?? 'b').toLowerCase()] ?? 1);
}

export async function getBucket(call: SupabaseCall): Promise<Reply> {
  if (!call.caller.bypassesPolicies) throw refusals.noBucket();
  return jsonReply(call.bucket());
}

export async function listBuckets(call: SupabaseCall): Promise<Reply> {
  return jsonReply(call.caller.bypassesPolicies ? call.store.buckets() : []);
}

export async function updateBucket(call: SupabaseCall): Promise<Reply> {
  if (!call.caller.bypassesPolicies) throw refusals.noBucket();
  const row = call.bucket();
  call.store.saveBucket({ ...row, ...settingsOf({ ...row, ...(await call.json()) }), updated_at: call.nowIso() });
  return jsonReply({ message: 'Successfully updated' });
}

export async function deleteBucket(call: SupabaseCall): Promise<Reply> {
  if (!call.caller.bypassesPolicies) throw refusals.noBucket();
  const { id } = call.bucket();
  if (call.store.objects(id).length > 0) throw refusals.bucketNotEmpty();
  call.store.deleteBucket(id);
  return jsonReply({ message: 'Successfully deleted' });
}

export async function emptyBucket(call: SupabaseCall): Promise<Reply> {
  if (!call.caller.bypassesPolicies) throw refusals.noBucket();
  const [id = ''] = call.rest.split('/');
  for (const row of call.store.objects(call.bucket(id).id)) await call.store.remove(row);
  return jsonReply({ message: 'Successfully emptied' });
}
