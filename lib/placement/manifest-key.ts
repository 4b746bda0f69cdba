import { datasetObjectKey } from '@/lib/storage/object-key.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';

const SUFFIX = '.manifest.json';

/**
 * A manifest lies beside the object in every store. On the local disk, whose objects share the fate of an embedded
 * database, it is there before the answer; elsewhere it follows once the copy was read back, so that no answer waits for it.
 */
export function getsManifestAtOnce(provider: StorageProvider): boolean {
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
