import { LongshoreError } from '@/lib/errors.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/**
 * The key of a dataset's object: `{user}/datasets/{id}.jsonl.gz` in S3, `{user}/private/{id}.jsonl.gz` in a base store,
 * `.gN` before the suffix for generation N > 0 (repairs write a new object, nothing is overwritten).
 * Made from ids only: user text never reaches a key.
 */
export function datasetObjectKey(provider: StorageProvider, userId: string, datasetId: string, generation = 0): string {
  for (const id of [userId, datasetId]) {
    if (!SAFE_ID.test(id)) throw new LongshoreError('invalid_id', 'An object key can only be made from a safe id.');
  }
  const folder = provider === 's3' ? 'datasets' : 'private';
  const suffix = generation === 0 ? '' : `.g${generation}`;
  return `${userId}/${folder}/${datasetId}${suffix}.jsonl.gz`;
}

/** What a key says of itself. */
export interface DatasetKey {
  userId: string;
  datasetId: string;
  kind: 'object' | 'manifest';
  generation: number;
}

const DATASET_KEY =
  /^([A-Za-z0-9][A-Za-z0-9_-]{0,127})\/(datasets|private)\/([A-Za-z0-9][A-Za-z0-9_-]{0,127})(?:\.manifest\.json|(?:\.g([1-9]\d{0,8}))?\.jsonl\.gz)$/;

/** Reads a key that is shaped like one of ours; undefined for every other. The shape proves nothing about the object. */
export function parseDatasetKey(provider: StorageProvider, key: string): DatasetKey | undefined {
  const [, userId, folder, datasetId, generation] = DATASET_KEY.exec(key) ?? [];
  if (userId === undefined || datasetId === undefined) return undefined;
  if (folder !== (provider === 's3' ? 'datasets' : 'private')) return undefined;
  const kind = key.endsWith('.json') ? 'manifest' : 'object';
  return { userId, datasetId, kind, generation: Number(generation ?? 0) };
}
