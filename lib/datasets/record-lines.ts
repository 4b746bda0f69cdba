import { type BlockSpan, blockOfRecord, type ReadRange, readBlocks } from '@/lib/ingest/block-reader.ts';
import type { BlockIndex } from '@/lib/ingest/types.ts';

/** Records [start, end). */
export interface RecordRange {
  start: number;
  end: number;
}

const LINE_FEED = 10;
/** Object bytes of one request: what is in memory at a time is a few times this. */
const SPAN_BYTES = 1 << 20;

/** The lines of a range of records, read block by block: memory does not grow with the range. */
export async function* recordLines(index: BlockIndex, range: RecordRange, read: ReadRange): AsyncGenerator<Buffer> {
  for (let record = range.start; record < range.end; ) {
    const span = spanFrom(index, blockOfRecord(index, record), blockOfRecord(index, range.end - 1));
    const content = await readBlocks(index, span, read);
    const firstRecord = at(index.firstRecords, span.first);
    const end = Math.min(range.end, at(index.firstRecords, span.last + 1));
    yield content.subarray(
      lineOffset(content, record - firstRecord, 0),
      end === at(index.firstRecords, span.last + 1) ? content.length : lineOffset(content, end - firstRecord, 0),
    );
    record = end;
  }
}

/** The lines of single records, ascending; each block is read once. */
export async function* chosenLines(
  index: BlockIndex,
  chosen: readonly number[],
  read: ReadRange,
): AsyncGenerator<Buffer> {
  for (let position = 0; position < chosen.length; ) {
    const block = blockOfRecord(index, chosen[position] ?? 0);
    const content = await readBlocks(index, { first: block, last: block }, read);
    const firstRecord = at(index.firstRecords, block);
    const nextRecord = at(index.firstRecords, block + 1);
    let line = 0;
    let offset = 0;
    for (; position < chosen.length && (chosen[position] ?? 0) < nextRecord; position += 1) {
      const wanted = (chosen[position] ?? 0) - firstRecord;
      const start = lineOffset(content, wanted - line, offset);
      offset = lineOffset(content, 1, start);
      line = wanted + 1;
      yield content.subarray(start, offset);
    }
  }
}

function spanFrom(index: BlockIndex, first: number, lastWanted: number): BlockSpan {
  const start = at(index.objectOffsets, first);
  let last = first;
  while (last < lastWanted && at(index.objectOffsets, last + 2) - start <= SPAN_BYTES) last += 1;
  return { first, last };
}

/** Where the line `skip` lines after `from` begins. */
function lineOffset(content: Buffer, skip: number, from: number): number {
  let offset = from;
  for (let line = 0; line < skip; line += 1) offset = content.indexOf(LINE_FEED, offset) + 1;
  return offset;
}

function at(values: readonly number[], position: number): number {
  return values[position] ?? 0;
}
