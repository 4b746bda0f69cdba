import type { BatchResult, CoreOptions, Decision, IngestCore, RecordBatch } from '@/lib/ingest/core/contract.ts';

/** What the pool and its threads say to each other. Buffers are shared or travel by transfer, never by copy. */
export type ToWorker = TaskMessage | { type: 'forget'; upload: number };

export type TaskMessage =
  | { type: 'decide'; task: number; work: DecideWork }
  | { type: 'batch'; task: number; upload: number; work: BatchWork };

export interface DecideWork {
  sample: readonly RecordBatch[];
  options: CoreOptions;
}

export type DecideOutcome = ReturnType<IngestCore['decide']>;

export interface BatchWork {
  batch: RecordBatch;
  decision: Decision;
  options: CoreOptions;
  output: OutputWish;
}

/** `deflate`: content and its compressed form; `content`: for a check, which only hashes; `none`: only findings count. */
export type OutputWish = { type: 'deflate'; level: number } | { type: 'content' } | { type: 'none' };

export type FromWorker =
  | { type: 'decided'; task: number; outcome: DecideOutcome; sample: readonly RecordBatch[] }
  | { type: 'processed'; task: number; processed: ProcessedBatch }
  | { type: 'failed'; task: number; message: string };

export interface ProcessedBatch {
  /** `content` is empty unless it was wished for. */
  result: BatchResult;
  /** Raw deflate data that ends with a full flush; undefined without content or without the wish. */
  deflated: Uint8Array | undefined;
  /** The batch's buffer, to be filled again. `result.content` and `deflated` may lie in it. */
  buffer: ArrayBufferLike;
}
