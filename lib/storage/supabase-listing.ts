import { z } from 'zod';
import type { StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { ListOptions, ListPage, ObjectStat } from '@/lib/storage/storage-service.ts';
import { jsonBody, type SupabaseApi } from '@/lib/storage/supabase-api.ts';
import { readJson } from '@/lib/storage/supabase-info.ts';

const CONTEXT: StorageErrorContext = { provider: 'supabase', operation: 'list' };
const PAGE_ENTRIES = 1000;

const ENTRIES = z.array(
  z.object({
    name: z.string(),
    id: z.string().nullish(),
    updated_at: z.string().nullish(),
    metadata: z
      .object({ size: z.number().nullish(), mimetype: z.string().nullish(), eTag: z.string().nullish() })
      .nullish(),
  }),
);

type Entry = z.infer<typeof ENTRIES>[number] & { path: string; folder: boolean };

/**
 * A page of keys in byte order. Supabase lists one folder at a time, in an order of its own; here folders are read as the
 * walk reaches them. An empty answer may mean a missing bucket, so the bucket is asked for.
 */
export async function listObjects(api: SupabaseApi, prefix: string, options: ListOptions): Promise<ListPage> {
  const limit = options.limit ?? PAGE_ENTRIES;
  const objects: ObjectStat[] = [];
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  for await (const object of walk(api, folder, { prefix, after: options.cursor ?? '', signal: options.signal })) {
    if (objects.length === limit) return { objects, nextCursor: objects.at(-1)?.key };
    objects.push(object);
  }
  const fault = objects.length === 0 ? await api.bucketFault(CONTEXT, options.signal) : undefined;
  if (fault !== undefined) throw fault;
  return { objects, nextCursor: undefined };
}

interface Walk {
  prefix: string;
  after: string;
  signal: AbortSignal | undefined;
}

async function* walk(api: SupabaseApi, folder: string, walking: Walk): AsyncGenerator<ObjectStat> {
  const { prefix, after } = walking;
  for (const entry of await entriesOf(api, folder, walking.signal)) {
    if (entry.folder) {
      const below = entry.path.startsWith(prefix) || prefix.startsWith(entry.path);
      if (below && (entry.path > after || after.startsWith(entry.path))) yield* walk(api, entry.path, walking);
    } else if (entry.path.startsWith(prefix) && entry.path > after) {
      yield statOf(entry);
    }
  }
}

/** Everything directly in a folder. A folder's path ends with a slash: sorting the paths sorts all keys below them. */
async function entriesOf(api: SupabaseApi, folder: string, signal: AbortSignal | undefined): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let offset = 0; ; offset += PAGE_ENTRIES) {
    const page = await readPage(api, folder, offset, signal);
    entries.push(...page.map((entry) => asEntry(entry, folder)));
    if (page.length < PAGE_ENTRIES) break;
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readPage(api: SupabaseApi, folder: string, offset: number, signal: AbortSignal | undefined) {
  const query = { prefix: folder, limit: PAGE_ENTRIES, offset, sortBy: { column: 'name', order: 'asc' } };
  const path = `/object/list/${encodeURIComponent(api.config.bucket)}`;
  const reply = await api.request({ method: 'POST', path, ...jsonBody(query), signal }, CONTEXT);
  return readJson(reply, ENTRIES, CONTEXT);
}

/** Only folders have no id. */
function asEntry(entry: z.infer<typeof ENTRIES>[number], folder: string): Entry {
  const isFolder = entry.id == null;
  return { ...entry, folder: isFolder, path: `${folder}${entry.name}${isFolder ? '/' : ''}` };
}

function statOf(entry: Entry): ObjectStat {
  return {
    key: entry.path,
    sizeBytes: entry.metadata?.size ?? 0,
    contentType: entry.metadata?.mimetype ?? undefined,
    metadata: {},
    versionId: undefined,
    etag: entry.metadata?.eTag ?? undefined,
    lastModified: entry.updated_at == null ? undefined : new Date(entry.updated_at),
  };
}
