import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { absent } from '@/lib/storage/filesystem-errors.ts';
import { decodeRecord, entryKindOf, placeOf } from '@/lib/storage/filesystem-layout.ts';

interface Entry {
  /** Key of an object, or of a folder with a slash at the end: sorting these sorts all keys below them. */
  key: string;
  folder: boolean;
}

/** Keys below `prefix` that come after `after`, in byte order, read folder by folder and only where needed. */
export async function* walkKeys(root: string, prefix: string, after = ''): AsyncGenerator<string> {
  yield* walkFolder(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, after);
}

async function* walkFolder(root: string, folder: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const entry of await entriesOf(root, folder)) {
    if (entry.folder) {
      if (mayHold(entry.key, prefix, after)) yield* walkFolder(root, entry.key, prefix, after);
    } else if (entry.key.startsWith(prefix) && entry.key > after) {
      yield entry.key;
    }
  }
}

function mayHold(folder: string, prefix: string, after: string): boolean {
  const below = folder.startsWith(prefix) || prefix.startsWith(folder);
  return below && (folder > after || after.startsWith(folder));
}

/** Symbolic links are neither folders nor files here: they are not followed. */
async function entriesOf(root: string, folder: string): Promise<Entry[]> {
  const found = await readdir(join(root, folder), { withFileTypes: true }).catch(absent);
  const entries = (found ?? []).flatMap((entry): Entry[] => {
    if (entry.isDirectory()) return [{ key: `${folder}${entry.name}/`, folder: true }];
    const kind = entryKindOf(entry.name);
    return entry.isFile() && kind.kind === 'record' ? [{ key: `${folder}${kind.name}`, folder: false }] : [];
  });
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * Removes data files and drafts that no record refers to and nobody has written to for `olderThanMs`: what killed
 * processes left. Returns how many.
 */
export async function sweepLeftovers(root: string, olderThanMs: number, now: number, folder = ''): Promise<number> {
  let removed = 0;
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = join(root, folder, entry.name);
    if (entry.isDirectory()) removed += await sweepLeftovers(root, olderThanMs, now, `${folder}${entry.name}/`);
    const kind = entryKindOf(entry.name);
    if (!entry.isFile() || kind.kind !== 'leftover') continue;
    if (await isGarbage(root, `${folder}${kind.name}`, path, now - olderThanMs)) removed += await remove(path);
  }
  return removed;
}

/** A data file beside a damaged record stays: it may be the only copy of the bytes. */
async function isGarbage(root: string, key: string, path: string, untouchedSince: number): Promise<boolean> {
  const written = await stat(path).catch(absent);
  if (written === undefined || written.mtimeMs > untouchedSince) return false;
  const text = await readFile(placeOf(root, key).recordPath, 'utf8').catch(absent);
  if (text === undefined) return true;
  const record = decodeRecord(text);
  return record !== undefined && !path.endsWith(`/${record.data}`);
}

async function remove(path: string): Promise<number> {
  return unlink(path).then(
    () => 1,
    (error) => absent(error) ?? 0,
  );
}
