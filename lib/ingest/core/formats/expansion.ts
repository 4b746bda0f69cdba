import type { RecordContext } from '../record.ts';

/** How much larger than the limit of one record all records made of one may be together. */
const LARGEST_EXPANSION = 4;

/**
 * Refuses records that would become too much: what all copies share is written once for each. False, and reported, when
 * it is too much.
 */
export function mayExpand(record: RecordContext, copies: number, sharedBytes: number): boolean {
  const most = LARGEST_EXPANSION * record.options.maxRecordBytes;
  if (copies * sharedBytes <= most) return true;
  record.report('E_RECORD_TOO_LARGE', record.root, { limit: `${most} bytes once it is expanded` });
  return false;
}

/** Source bytes of the record without those of one of its values. */
export function bytesBeside(record: RecordContext, node: number): number {
  const { tape, root } = record;
  return tape.end(root) - tape.start(root) - (tape.tokenEnd(node) - tape.tokenStart(node));
}
