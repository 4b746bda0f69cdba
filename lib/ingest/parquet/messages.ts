import type { FramedBatch, FrameOptions } from '@/lib/ingest/containers/framed-batch.ts';
import type { ContainerStep, Finding } from '@/lib/ingest/types.ts';

/** What the thread that reads one Parquet file is given. The descriptor belongs to the main thread, which closes it. */
export interface ParquetTask {
  fd: number;
  sizeBytes: number;
  frame: FrameOptions;
}

export type FromParquet =
  | { type: 'container'; step: ContainerStep }
  | { type: 'batch'; framed: FramedBatch }
  | { type: 'end'; findings: Finding[] }
  | { type: 'fatal'; finding: Finding };

/** Sent for each batch that was taken; the thread stays at most two ahead. */
export const MORE = 'more';
