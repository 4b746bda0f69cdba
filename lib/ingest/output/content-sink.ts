import type { OutputWish } from '@/lib/ingest/pool/messages.ts';
import type { SpooledDataset } from '@/lib/ingest/types.ts';
import type { Digest } from '@/lib/streams/digest.ts';

/** One batch's canonical content, in order. */
export interface ContentBlock {
  content: Uint8Array;
  /** Present when the sink wished for deflate. */
  deflated: Uint8Array | undefined;
  records: number;
}

export interface SinkResult {
  /** Null where nobody asked for it. */
  content: Digest | null;
  spooled: SpooledDataset | undefined;
}

/** Where accepted content goes. `finish` or `abort` MUST be called once. */
export interface ContentSink {
  readonly wish: OutputWish;
  /** Only called with content that is not empty. Resolves when the block may be overwritten. */
  write(block: ContentBlock): Promise<void>;
  /** What was written is complete and durable when it resolves. */
  finish(): Promise<SinkResult>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}
