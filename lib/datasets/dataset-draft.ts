import type { trainingDatasets } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { IngestReport, SpooledDataset } from '@/lib/ingest/types.ts';
import type { StoreTarget } from '@/lib/placement/store-registry.ts';
import { datasetObjectKey } from '@/lib/storage/object-key.ts';

/** A dataset that ingest has accepted and nothing refers to yet. */
export interface DatasetDraft {
  userId: string;
  name: string;
  description: string | null;
  report: IngestReport;
  spooled: SpooledDataset;
  idempotency: { key: string; requestSha256: string } | null;
  /** The TUS upload that brought it. */
  uploadId: string | null;
}

export type DatasetRow = typeof trainingDatasets.$inferSelect;

/** The row of a draft, as `uploading` under its first attempt. `storage_path` names where its first copy will be. */
export function draftRow(
  draft: DatasetDraft,
  id: string,
  createdAt: Date,
  targets: readonly StoreTarget[],
): DatasetRow {
  const { report, spooled } = draft;
  const [main] = targets;
  const [format] = report.source_formats;
  if (main === undefined || format === undefined || report.kind === null) throw incompleteDraft();
  return {
    id,
    userId: draft.userId,
    name: draft.name,
    description: draft.description,
    format: format.format,
    kind: report.kind,
    status: 'uploading',
    storagePath: datasetObjectKey(main.provider, draft.userId, id),
    storageProvider: main.provider,
    fileSizeBytes: spooled.objectSizeBytes,
    originalSizeBytes: report.source.size_bytes,
    contentSizeBytes: spooled.contentSizeBytes,
    totalExamples: spooled.records,
    avgInputLength: report.statistics?.avg_input_length ?? null,
    avgOutputLength: report.statistics?.avg_output_length ?? null,
    contentSha256: spooled.contentSha256,
    objectSha256: spooled.objectSha256,
    sourceSha256: report.source.sha256,
    blockIndex: spooled.blockIndex,
    metadata: { original_format: format.format },
    attempt: 1,
    createdAt,
    updatedAt: createdAt,
    deletedAt: null,
  };
}

function incompleteDraft(): LongshoreError {
  return new LongshoreError('draft_incomplete', 'An accepted dataset lacks a format, a kind or a store.');
}
