import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';

const SUFFIX = '.manifest.json';

/** Stores that keep a dataset's manifest beside its object: those whose objects outlive an embedded database. */
export function keepsManifests(provider: StorageProvider): boolean {
  return provider === 'filesystem';
}

/** Beside the dataset's first object, whatever generation is current. */
export function manifestKey(provider: StorageProvider, userId: string, datasetId: string): string {
  return datasetObjectKey(provider, userId, datasetId).replace(/\.jsonl\.gz$/, SUFFIX);
}

export function isManifestKey(key: string): boolean {
  return key.endsWith(SUFFIX);
}

export function datasetIdOfManifest(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1, -SUFFIX.length);
}
