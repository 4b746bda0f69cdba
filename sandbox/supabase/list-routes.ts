import type { Reply } from '@/sandbox/exchange.ts';
import { compareKeys } from '@/sandbox/key-order.ts';
import { type ObjectRow, publicRow } from './object-rows.ts';
import { jsonReply } from './storage-api-error.ts';
import type { SupabaseCall } from './supabase-call.ts';

type ListedEntry = { name: string; row: ObjectRow | undefined };

/** One level of a folder. Folders have a null id; a missing bucket, and one that is hidden, are empty. */
export async function listObjects(call: SupabaseCall): Promise<Reply> {
  const body = await call.json();
  const given = String(body.prefix ?? '');
  const folder = given === '' || given.endsWith('/') ? given : `${given}/`;
  const search = String(body.search ?? '').toLowerCase();
  const rows = visibleRows(call, folder);
  const entries = oneLevel(rows, folder).filter((entry) => entry.name.toLowerCase().startsWith(search));
  const [offset, limit] = [Number(body.offset ?? 0), Number(body.limit ?? 100)];
  const page = sorted(entries, body.sortBy).slice(offset, offset + limit);
  return jsonReply(page.map(({ name, row }) => (row === undefined ? folderRow(name) : publicRow(row, name))));
}

function visibleRows(call: SupabaseCall, prefix: string): ObjectRow[] {
  if (!call.caller.bypassesPolicies) return [];
  return call.store.objects(call.bucketId, prefix);
}

function oneLevel(rows: ObjectRow[], folder: string): ListedEntry[] {
  const entries = new Map<string, ListedEntry>();
  for (const row of rows) {
    const relative = row.name.slice(folder.length);
    const slash = relative.indexOf('/');
    const name = slash < 0 ? relative : relative.slice(0, slash);
    const key = slash < 0 ? name : `${name}/`;
    if (!entries.has(key)) entries.set(key, { name, row: slash < 0 ? row : undefined });
  }
  return [...entries.values()];
}

function folderRow(name: string): Record<string, null | string> {
  return { name, id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null };
}

function sorted(entries: ListedEntry[], sortBy: unknown): ListedEntry[] {
  const { column, order } = (sortBy ?? {}) as { column?: string; order?: string };
  const value = (entry: ListedEntry): string => {
    if (column === 'created_at' || column === 'last_accessed_at') return entry.row?.createdAt ?? '';
    return column === 'updated_at' ? (entry.row?.updatedAt ?? '') : entry.name;
  };
  const direction = order === 'desc' ? -1 : 1;
  return [...entries].sort((a, b) => direction * (compareKeys(value(a), value(b)) || compareKeys(a.name, b.name)));
}

/** list-v2: flat or by folders, with a cursor instead of an offset. */
export async function listObjectsV2(call: SupabaseCall): Promise<Reply> {
  const body = await call.json();
  const [prefix, limit] = [String(body.prefix ?? ''), Math.min(Number(body.limit ?? 1000), 1000)];
  const after = body.cursor === undefined ? '' : Buffer.from(String(body.cursor), 'base64').toString();
  const names = visibleRows(call, prefix).map((row) => ({
    row,
    name: nameV2(row, prefix, body.with_delimiter === true),
  }));
  const distinct = names.filter(({ name }, i) => name > after && (i === 0 || names[i - 1]?.name !== name));
  const page = distinct.slice(0, limit);
  const isFolder = (entry: { name: string; row: ObjectRow }) => entry.name !== entry.row.name;
  const hasNext = distinct.length > page.length;
  return jsonReply({
    hasNext,
    folders: page.filter(isFolder).map(({ name }) => ({ name, key: name })),
    objects: page.filter((entry) => !isFolder(entry)).map(({ row }) => ({ ...publicRow(row), key: row.name })),
    ...(hasNext ? { nextCursor: Buffer.from(page.at(-1)?.name ?? '').toString('base64') } : {}),
  });
}

/** The key itself, or its folder below the prefix with a slash at the end. */
function nameV2(row: ObjectRow, prefix: string, byFolder: boolean): string {
  const slash = byFolder ? row.name.indexOf('/', prefix.length) : -1;
  return slash < 0 ? row.name : row.name.slice(0, slash + 1);
}
