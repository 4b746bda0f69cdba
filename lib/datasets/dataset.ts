import type { trainingDatasets } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Replica } from '@/lib/placement/replica.ts';

/** A row of training_datasets without its block index, which is large and wanted by readers of records only. */
export type Dataset = Omit<typeof trainingDatasets.$inferSelect, 'blockIndex'>;

/** A dataset as the API shows it. */
export interface DatasetJson {
  id: string;
  name: string;
  description: string | null;
  /** Source format found. */
  format: string;
  kind: string | null;
  status: string;
  storage_provider: string | null;
  storage_path: string;
  /** Size of the stored object, compressed. */
  file_size_bytes: number | null;
  original_size_bytes: number | null;
  content_size_bytes: number | null;
  total_examples: number | null;
  avg_input_length: number | null;
  avg_output_length: number | null;
  object_sha256: string | null;
  content_sha256: string | null;
  replicas: ReplicaJson[];
  metadata: Record<string, unknown>;
  created_at: string | null;
  updated_at: string;
}

export interface ReplicaJson {
  provider: Replica['provider'];
  bucket: string;
  key: string;
  state: Replica['state'];
  size_bytes: number | null;
  verified_at: string | null;
  error: { code: string; message: string } | null;
}

export function datasetJson(dataset: Dataset, replicas: readonly Replica[]): DatasetJson {
  return {
    id: dataset.id,
    name: dataset.name,
    description: dataset.description,
    format: dataset.format,
    kind: dataset.kind,
    status: dataset.status,
    storage_provider: dataset.storageProvider,
    storage_path: dataset.storagePath,
    file_size_bytes: dataset.fileSizeBytes,
    original_size_bytes: dataset.originalSizeBytes,
    content_size_bytes: dataset.contentSizeBytes,
    total_examples: dataset.totalExamples,
    avg_input_length: dataset.avgInputLength,
    avg_output_length: dataset.avgOutputLength,
    object_sha256: dataset.objectSha256,
    content_sha256: dataset.contentSha256,
    replicas: replicas.map(replicaJson),
    metadata: dataset.metadata ?? {},
    created_at: dataset.createdAt?.toISOString() ?? null,
    updated_at: dataset.updatedAt.toISOString(),
  };
}

function replicaJson(replica: Replica): ReplicaJson {
  const { errorCode, errorMessage } = replica;
  return {
    provider: replica.provider,
    bucket: replica.bucket,
    key: replica.objectKey,
    state: replica.state,
    size_bytes: replica.sizeBytes,
    verified_at: replica.verifiedAt?.toISOString() ?? null,
    error: errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' },
  };
}

/** The same answer for an id that does not exist, is deleted, or is somebody else's: ids cannot be probed. */
export function datasetNotFound(): LongshoreError {
  return new LongshoreError('dataset_not_found', 'There is no such dataset.', {
    hint: 'List your datasets: GET /api/training/dataset.',
  });
}
