import type { Kind, SourceFormat } from '@/lib/ingest/types.ts';
import type { Draft } from '../draft.ts';
import type { Key } from '../keys.ts';
import type { RecordContext } from '../record.ts';

/** One source format: how to know it, what it becomes, how to read it. */
export interface FormatReader {
  readonly format: SourceFormat;
  /** `messages` stands for prompt_only too: which of the two, the whole file decides. */
  readonly kind: Kind;
  /** Keys without which the record cannot be of this format: one of each group. None for records that are no objects. */
  readonly needs: readonly (readonly Key[])[] | undefined;
  /** Takes records that are no objects as well. */
  readonly takesKeyless?: boolean;
  /** True when the record has the shape that the format requires. Must not report anything. */
  matches(record: RecordContext): boolean;
  /** For conversations: true when the last message is not the assistant's. */
  endsOpen?(record: RecordContext): boolean;
  /** Fills the draft and reports what is wrong. */
  read(record: RecordContext, draft: Draft): void;
  /**
   * Instead of `read`, for formats whose records become several: fills the draft and calls `emit` once for each. The draft
   * is cleared by `emit`.
   */
  expand?(record: RecordContext, draft: Draft, emit: () => void): void;
}
