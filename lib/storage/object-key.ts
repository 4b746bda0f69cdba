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
