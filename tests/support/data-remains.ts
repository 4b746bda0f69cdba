import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of a data directory that hold something of a dataset: objects, spool files, manifests, bytes of uploads. */
export interface DataRemains {
  objects: string[];
  spool: string[];
  manifests: string[];
  uploads: string[];
}

export const NOTHING: DataRemains = { objects: [], spool: [], manifests: [], uploads: [] };

/** What lies on disk, the marks of stores and processes left out. */
export async function dataRemains(dataDir: string): Promise<DataRemains> {
  const [objects, spool, manifests, uploads] = await Promise.all([
    filesBelow(join(dataDir, 'objects')),
    filesBelow(join(dataDir, 'spool', 'work')),
    filesBelow(join(dataDir, 'spool', 'manifests')),
    filesBelow(join(dataDir, 'uploads')),
  ]);
  return {
    objects: objects.filter((name) => name !== '~store.json'),
    spool: spool.filter((name) => name !== 'lock'),
    manifests,
    uploads,
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
