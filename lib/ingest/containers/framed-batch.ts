import type { RecordBatch } from '@/lib/ingest/core/contract.ts';
import type { ContainerStep, Finding } from '@/lib/ingest/types.ts';

/** A run of records on its way to a worker, and what the frame itself had to say about this stretch of the file. */
export interface FramedBatch {
  batch: RecordBatch | undefined;
  /** Records in `batch`. */
  records: number;
  /** Source records that the frame rejected: each is counted here, has an error in `findings`, and is in no batch. */
  rejected: number;
  /** In order of record. */
  findings: Finding[];
  /** Lines from one record of the batch to the next, where that is the same for all: 1 in dense JSONL, 0 on one line. */
  lineStep: 0 | 1 | undefined;
}

/** The physical line of a record of this batch, where the frame can tell without parsing. */
export function lineOfRecord({ batch, lineStep }: FramedBatch, record: number): number | undefined {
  if (batch === undefined) return undefined;
  const position = record - batch.firstRecord;
  if (batch.lines !== undefined) return batch.lines[position] || undefined;
  return lineStep === undefined ? undefined : batch.firstLine + position * lineStep;
}

/** What containers learn about the whole file while they read it. */
export interface ScanLog {
  /** Outermost container first. */
  readonly container: ContainerStep[];
  /** About the file, not about a record. */
  readonly findings: Finding[];
  /** Name of the data file inside an archive: it counts instead of the archive's own. */
  entryName?: string;
}

export interface FrameOptions {
  /** A batch is cut at the first record boundary at or after this many bytes. */
  batchBytes: number;
  maxRecordBytes: number;
}

/** About 1 MiB of deflate input a block: a preview then reads a few hundred KiB, and the flush costs half a percent. */
export const BATCH_BYTES = 1 << 20;
