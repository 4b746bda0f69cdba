import { LongshoreError } from '@/lib/errors.ts';

export function datasetUploading(): LongshoreError {
  return new LongshoreError('dataset_uploading', 'This dataset is not ready yet.', {
    hint: 'Ask again in a moment.',
    details: { retry_after_seconds: 2 },
  });
}

/** Datasets from before Longshore get their index in the background. */
export function blockIndexNeeded(): LongshoreError {
  return new LongshoreError(
    'block_index_needed',
    'This dataset has no block index yet, so parts of it cannot be read.',
    {
      hint: 'Download it whole, or ask again once it has been indexed.',
    },
  );
}
