import type { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import type { TextFormat } from '@/lib/ingest/types.ts';
import type { FrameOptions, ScanLog } from './framed-batch.ts';

/** What every container reader works with. */
export interface ContainerContext {
  log: ScanLog;
  buffers: BatchBuffers;
  frame: FrameOptions;
  /** As the client called the file; only its extension counts, and only where content alone cannot tell. */
  fileName: string;
  /** The caller said that the file holds plain text, and what of it is a document. */
  text: TextFormat | undefined;
  temporaryDirectory: string;
}
