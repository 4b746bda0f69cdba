import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { absent } from '@/lib/storage/filesystem-errors.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { ObjectStat } from '@/lib/storage/storage-service.ts';

/**
 * How objects lie on disk. For the key `u/private/d.gz`, in the folder `u/private`:
 *
 *   d.gz~.json        the record: size, type, metadata, and the name of the data file. The object exists exactly when this does.
 *   TOKEN~d.gz        the data file: the plain bytes, readable with any tool.
 *   TOKEN~d.gz~.draft a record that is being written.
 *
 * One rename (or link) of the record makes bytes and metadata visible together. `~` is in no key, so nothing collides.
 */
export interface ObjectRecord {
  version: 1;
  data: string;
  sizeBytes: number;
  contentType?: string;
  metadata: Record<string, string>;
  storedAt: string;
}

const RECORD = z.object({
  version: z.literal(1),
  data: z.string().regex(/^[0-9a-f]{24}~[^/~]+$/),
  sizeBytes: z.number().int().nonnegative(),
  contentType: z.string().optional(),
  metadata: z.record(z.string(), z.string()),
  storedAt: z.iso.datetime(),
});

const RECORD_SUFFIX = '~.json';
const DRAFT_SUFFIX = '~.draft';

/** Marks a folder as a store's root, so that an unmounted disk is not mistaken for a store without objects. */
export const ROOT_MARKER = '~store.json';

export interface ObjectPlace {
  key: string;
  folder: string;
  name: string;
  recordPath: string;
}

export function placeOf(root: string, key: string): ObjectPlace {
  const path = join(root, key);
  const folder = dirname(path);
  const name = path.slice(folder.length + 1);
  return { key, folder, name, recordPath: `${path}${RECORD_SUFFIX}` };
}

/** Names for one put: never used before, so a half-written file is never taken for another's. */
export function draftNames(place: ObjectPlace): { data: string; draftPath: string } {
  const data = `${randomBytes(12).toString('hex')}~${place.name}`;
  return { data, draftPath: join(place.folder, `${data}${DRAFT_SUFFIX}`) };
}

export type EntryKind = { kind: 'record'; name: string } | { kind: 'leftover'; name: string } | { kind: 'other' };

/** What a file in a store's folder is, by its name alone. A leftover is a data file or draft: garbage unless referred to. */
export function entryKindOf(fileName: string): EntryKind {
  const record = /^([^~]+)~\.json$/.exec(fileName)?.[1];
  if (record !== undefined) return { kind: 'record', name: record };
  const leftover = /^[0-9a-f]{24}~([^~]+)(~\.draft)?$/.exec(fileName)?.[1];
  return leftover === undefined ? { kind: 'other' } : { kind: 'leftover', name: leftover };
}

export function encodeRecord(record: ObjectRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Undefined for a record that is damaged: not one we wrote. */
export function decodeRecord(text: string): ObjectRecord | undefined {
  return RECORD.safeParse(parseJson(text)).data;
}

export function statOf(key: string, record: ObjectRecord): ObjectStat {
  return {
    key,
    sizeBytes: record.sizeBytes,
    contentType: record.contentType,
    metadata: record.metadata,
    versionId: undefined,
    etag: `"${record.data.slice(0, 24)}"`,
    lastModified: new Date(record.storedAt),
  };
}

/** Throws `forbidden` when a symbolic link below `root`, a real path, leads `folder` or its nearest parent elsewhere. */
export async function refuseSymlinks(root: string, folder: string): Promise<void> {
  for (let current = folder; current !== root; current = dirname(current)) {
    const real = await realpath(current).catch(absent);
    if (real === current) return;
    if (real !== undefined) throw symlinkError();
  }
}

function symlinkError(): StorageError {
  const detail = 'a symbolic link inside the store leads elsewhere';
  return new StorageError('forbidden', { provider: 'filesystem', operation: 'probe', detail });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
