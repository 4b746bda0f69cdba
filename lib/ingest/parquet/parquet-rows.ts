import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  type RowGroup,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { messageOf } from '@/lib/errors.ts';
import { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import type { FramedBatch, FrameOptions } from '@/lib/ingest/containers/framed-batch.ts';
import { RowBatcher } from '@/lib/ingest/containers/row-batcher.ts';
import { FatalFinding, finding } from '@/lib/ingest/fatal-finding.ts';
import type { ContainerStep, Finding } from '@/lib/ingest/types.ts';
import { PARSERS, RowWriter } from './parquet-json.ts';

/** A row group is decoded as a whole; more than this does not fit into the memory of a small server. */
const MAX_GROUP_BYTES = 128 << 20;
/** Rows of about this size are made at a time. */
const SLICE_BYTES = 32 << 20;

/** Reads a Parquet file row group by row group. Everything that is wrong with it is a FatalFinding. */
export class ParquetRows {
  readonly #file: AsyncBuffer;
  readonly #metadata: FileMetaData;
  readonly #writer = new RowWriter();

  private constructor(file: AsyncBuffer, metadata: FileMetaData) {
    this.#file = file;
    this.#metadata = metadata;
  }

  static async open(file: AsyncBuffer): Promise<ParquetRows> {
    await refuseEncrypted(file);
    const metadata = await ofFile(parquetMetadataAsync(file));
    for (const group of metadata.row_groups) checkGroup(group);
    return new ParquetRows(file, metadata);
  }

  get step(): ContainerStep {
    const { row_groups: groups, num_rows: rows } = this.#metadata;
    return { type: 'parquet', detail: { row_groups: groups.length, rows: Number(rows) } };
  }

  async *batches(frame: FrameOptions): AsyncGenerator<FramedBatch> {
    const rows = new RowBatcher(new BatchBuffers(frame.batchBytes * 1.25, 1), frame, { cells: false });
    let start = 0;
    for (const group of this.#metadata.row_groups) {
      const end = start + Number(group.num_rows);
      const step = Math.max(1, Math.ceil((end - start) / Math.ceil(Number(group.total_byte_size) / SLICE_BYTES)));
      for (let from = start; from < end; from += step) {
        await this.#readRows(rows, from, Math.min(from + step, end));
        yield* rows.take();
      }
      start = end;
    }
    yield* rows.finish();
  }

  /** What the rows gave reason to tell; complete after the last batch. */
  findings(): Finding[] {
    const found: Finding[] = [];
    const { notFinite } = this.#writer;
    if (notFinite > 0) {
      const message = `${notFinite} numbers that are NaN or infinite became null: JSON has no such numbers.`;
      found.push(finding('W_PARQUET_NOT_FINITE', 'warning', message));
    }
    if (this.#metadata.schema.some((element) => element.converted_type === 'DECIMAL')) {
      const message = 'Columns of decimals were read as floating point numbers.';
      found.push(finding('W_PARQUET_DECIMAL', 'warning', message, { hint: 'Store them as text to keep every digit.' }));
    }
    return found;
  }

  async #readRows(rows: RowBatcher, rowStart: number, rowEnd: number): Promise<void> {
    const options = { file: this.#file, metadata: this.#metadata, compressors: BOUNDED, parsers: PARSERS };
    const read = await ofFile(parquetReadObjects({ ...options, rowStart, rowEnd, useOffsetIndex: true }));
    for (const row of read) {
      rows.raw(Buffer.from(`${this.#writer.row(row)}\n`));
      rows.endRow(0);
    }
  }
}

/** Page headers may claim any size: nothing larger than a row group is unpacked. */
const BOUNDED: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, outputLength: number) => {
      if (outputLength > MAX_GROUP_BYTES) throw new Error(`a page claims ${outputLength} bytes`);
      return decompress(input, outputLength);
    },
  ]),
);

async function refuseEncrypted(file: AsyncBuffer): Promise<void> {
  const tail = Buffer.from(await file.slice(Math.max(0, file.byteLength - 4), file.byteLength)).toString('latin1');
  if (tail === 'PARE') {
    throw new FatalFinding('E_PARQUET_ENCRYPTED', 'The Parquet file is encrypted.', {
      hint: 'Write it again without encryption.',
    });
  }
  if (tail !== 'PAR1') {
    throw new FatalFinding('E_PARQUET_TRUNCATED', 'The end of the Parquet file is missing: it is cut off.', {
      hint: 'Download or export it again and compare its size with the original.',
    });
  }
}

function checkGroup(group: RowGroup): void {
  if (group.total_byte_size > MAX_GROUP_BYTES) {
    const size = Math.round(Number(group.total_byte_size) / 2 ** 20);
    throw new FatalFinding('E_PARQUET_ROW_GROUP', `A row group of the Parquet file holds ${size} MiB.`, {
      hint: `Write it with smaller ones, up to ${MAX_GROUP_BYTES >> 20} MiB, for example with row_group_size=10000.`,
    });
  }
  const codecs = group.columns.map((column) => column.meta_data?.codec ?? 'UNCOMPRESSED');
  const unknown = codecs.find((codec) => codec !== 'UNCOMPRESSED' && compressors[codec] === undefined);
  if (unknown === undefined) return;
  throw new FatalFinding('E_PARQUET_CODEC', `The Parquet file is compressed with ${unknown}.`, {
    hint: 'Write it with snappy, gzip, brotli, lz4, zstd or none.',
  });
}

async function ofFile<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof FatalFinding) throw error;
    throw new FatalFinding('E_PARQUET_CORRUPT', `The Parquet file cannot be read: ${messageOf(error)}.`, {
      hint: 'Write it again, for example with pandas to_parquet or datasets to_parquet.',
      cause: error,
    });
  }
}
