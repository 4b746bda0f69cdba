import { z } from 'zod';
import type { SmallReply } from '@/lib/storage/http-client.ts';
import { isOwnObject, isSameObject } from '@/lib/storage/same-object.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, PutOptions, ReplayableBody, StoredObject } from '@/lib/storage/storage-service.ts';
import { objectPath, type SupabaseApi } from '@/lib/storage/supabase-api.ts';

const INFO = z.object({
  size: z.number().nullish(),
  content_type: z.string().nullish(),
  etag: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  last_modified: z.string().nullish(),
  created_at: z.string().nullish(),
});

/** What the store knows of an object. `not_found` when it is not there and the bucket is. */
export async function objectInfo(
  api: SupabaseApi,
  key: string,
  context: StorageErrorContext,
  signal?: AbortSignal,
): Promise<ObjectStat> {
  const path = `/object/info/${objectPath(api.config.bucket, key)}`;
  const info = readJson(await api.request({ method: 'GET', path, signal }, context), INFO, context);
  const modified = info.last_modified ?? info.created_at;
  return {
    key,
    sizeBytes: info.size ?? 0,
    contentType: info.content_type ?? undefined,
    metadata: Object.fromEntries(Object.entries(info.metadata ?? {}).map(([name, value]) => [name, String(value)])),
    versionId: undefined,
    etag: info.etag ?? undefined,
    lastModified: modified == null ? undefined : new Date(modified),
  };
}

/**
 * Supabase can acknowledge an upload and keep nothing. After every success the object is asked for, and its size and our
 * own metadata compared: `corrupt` when it is not what was sent.
 */
export async function confirmObject(
  api: SupabaseApi,
  key: string,
  body: ReplayableBody,
  options: PutOptions,
): Promise<StoredObject> {
  const context = { provider: 'supabase', operation: 'put', key } as const;
  const found = await findObject(api, key, context, options.signal);
  if (found !== undefined && isSameObject(found, body, options))
    return { key, sizeBytes: found.sizeBytes, versionId: undefined };
  const detail =
    found === undefined
      ? 'the store acknowledged the object but has none'
      : `the store has ${found.sizeBytes} bytes of ${body.sizeBytes}, or other metadata`;
  throw new StorageError('corrupt', { ...context, detail });
}

/** The object under the key, when it is the very one that this put would have made. */
export async function findOwnObject(
  api: SupabaseApi,
  key: string,
  body: ReplayableBody,
  options: PutOptions,
): Promise<StoredObject | undefined> {
  const found = await findObject(api, key, { provider: 'supabase', operation: 'put', key }, options.signal);
  if (found === undefined || !isOwnObject(found, body, options)) return undefined;
  return { key, sizeBytes: found.sizeBytes, versionId: undefined };
}

/** The parsed body of an answer; `corrupt` when it is not what the API promises. */
export function readJson<T>(reply: SmallReply, schema: z.ZodType<T>, context: StorageErrorContext): T {
  try {
    return schema.parse(JSON.parse(reply.body.toString('utf8')));
  } catch (cause) {
    throw new StorageError('corrupt', { ...context, detail: 'the answer is not one of the storage API', cause });
  }
}

async function findObject(
  api: SupabaseApi,
  key: string,
  context: StorageErrorContext,
  signal: AbortSignal | undefined,
): Promise<ObjectStat | undefined> {
  return objectInfo(api, key, context, signal).catch((error) => {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  });
}
