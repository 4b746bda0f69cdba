import { constants, inflateRaw } from 'node:zlib';
import { LongshoreError } from '@/lib/errors.ts';
import type { BlockIndex } from './types.ts';

/** Reads bytes [start, end) of the stored object with one request. */
export type ReadRange = (start: number, end: number) => Promise<AsyncIterable<Uint8Array> | Uint8Array>;

export interface RecordWindow {
  /** 0-based number of the first record wanted. */
  offset: number;
  limit: number;
  /** Object bytes to read at most, where more than one block would be needed. Default 1 MiB. */
  maxObjectBytes?: number;
}

export interface RecordSlice {
  /** One JSON text a record, without its line feed. Fewer than `limit` at the end and where `maxObjectBytes` was met. */
  records: string[];
  offset: number;
  /** All records of the dataset. */
  total: number;
}

const DEFAULT_MAX_OBJECT_BYTES = 1 << 20;

/**
 * Reads records by one range request of just the blocks that hold them.
 *
 * @throws LongshoreError `object_corrupt` when the bytes do not inflate to what the index says.
 */
export async function readRecords(index: BlockIndex, window: RecordWindow, read: ReadRange): Promise<RecordSlice> {
  const total = index.firstRecords.at(-1) ?? 0;
  const end = Math.min(window.offset + window.limit, total);
  if (window.offset >= end) return { records: [], offset: window.offset, total };
  const span = chooseBlocks(index, window.offset, end, window.maxObjectBytes ?? DEFAULT_MAX_OBJECT_BYTES);
  const content = await readBlocks(index, span, read);
  const skip = window.offset - at(index.firstRecords, span.first);
  const available = at(index.firstRecords, span.last + 1) - window.offset;
  return {
    records: splitRecords(content, skip, Math.min(end - window.offset, available)),
    offset: window.offset,
    total,
  };
}

/** Blocks `first` to `last`, both included. */
export interface BlockSpan {
  first: number;
  last: number;
}

/** Inflates whole blocks and checks that they give the length that the index promises. */
export async function readBlocks(index: BlockIndex, span: BlockSpan, read: ReadRange): Promise<Buffer> {
  const start = at(index.objectOffsets, span.first);
  const end = at(index.objectOffsets, span.last + 1);
  const compressed = await collect(await read(start, end), end - start);
  const expected = at(index.contentOffsets, span.last + 1) - at(index.contentOffsets, span.first);
  const content = await inflateBlocks(compressed, expected);
  if (content.byteLength !== expected) throw corruptObject();
  return content;
}

/** The number of the block that holds a record; the index must not be empty. */
export function blockOfRecord(index: BlockIndex, record: number): number {
  let low = 0;
  let high = index.firstRecords.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at(index.firstRecords, middle) <= record) low = middle;
    else high = middle - 1;
  }
  return low;
}

function chooseBlocks(index: BlockIndex, offset: number, end: number, maxBytes: number): BlockSpan {
  const first = blockOfRecord(index, offset);
  let last = blockOfRecord(index, end - 1);
  const start = at(index.objectOffsets, first);
  while (last > first && at(index.objectOffsets, last + 1) - start > maxBytes) last--;
  return { first, last };
}

async function collect(body: AsyncIterable<Uint8Array> | Uint8Array, expectedBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  if (body instanceof Uint8Array) parts.push(body);
  else for await (const chunk of body) parts.push(chunk);
  const whole = Buffer.concat(parts);
  if (whole.byteLength !== expectedBytes) throw corruptObject();
  return whole;
}

/** Blocks end with a full flush and are not the last of their deflate stream, so the end of input is no error here. */
function inflateBlocks(compressed: Uint8Array, expectedBytes: number): Promise<Buffer> {
  const options = {
    finishFlush: constants.Z_SYNC_FLUSH,
    maxOutputLength: Math.max(expectedBytes, 1),
    chunkSize: 1 << 18,
  };
  return new Promise((resolve, reject) => {
    inflateRaw(compressed, options, (error, content) => {
      if (error === null) resolve(content);
      else reject(corruptObject(error));
    });
  });
}

const LINE_FEED = 10;

function splitRecords(content: Buffer, skip: number, count: number): string[] {
  const records: string[] = [];
  let start = 0;
  for (let line = 0; line < skip + count; line++) {
    const end = content.indexOf(LINE_FEED, start);
    if (end === -1) throw corruptObject();
    if (line >= skip) records.push(content.toString('utf8', start, end));
    start = end + 1;
  }
  return records;
}

function at(values: readonly number[], position: number): number {
  const value = values[position];
  if (value === undefined) throw new LongshoreError('block_index_invalid', 'The block index has no such block.');
  return value;
}

function corruptObject(cause?: unknown): LongshoreError {
  return new LongshoreError('object_corrupt', 'The stored object does not hold what its block index says.', {
    hint: 'Verify the dataset; a copy that fails is repaired from a good one.',
    cause,
  });
}
