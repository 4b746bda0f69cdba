import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { codesOf, readBytes, recordsOf } from '@/tests/support/read-container.ts';
import { zipOf } from '@/tests/support/zip.ts';

const wide = { batchBytes: 1 << 20, maxRecordBytes: 1 << 20 };

function parquet(columnData: ColumnSource[], options: { rowGroupSize?: number } = {}): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData, ...options }));
}

const texts = Array.from({ length: 50 }, (_, n) => `document ${n % 7}, "quoted" \ufeffé😀`);

describe('Parquet', () => {
  it('gives a record for each row of all row groups', async () => {
    const file = parquet([{ name: 'text', data: texts, type: 'STRING' }], { rowGroupSize: 20 });
    const result = await readBytes(file, { ...wide, sizes: [100] });
    expect(recordsOf(result)).toEqual(texts.map((text) => ({ text })));
    expect([result.containers, codesOf(result), result.batches[0]?.firstLine]).toEqual([['parquet'], [], 0]);
  });

  it('keeps every type without loss, and leaves missing values out', async () => {
    const file = parquet([
      { name: 'big', data: [9007199254740993n, -1n, undefined], type: 'INT64' },
      { name: 'real', data: [0.1, -0, Number.NaN], type: 'DOUBLE' },
      { name: 'flag', data: [true, false, undefined], type: 'BOOLEAN' },
      { name: 'empty', data: [undefined, undefined, undefined], type: 'STRING', nullable: true },
      { name: 'when', data: [new Date(0), new Date(-1), undefined], type: 'TIMESTAMP' },
    ]);
    const result = await readBytes(file, wide);
    expect(result.batches[0]?.text.trimEnd().split('\n')).toEqual([
      '{"big":9007199254740993,"real":0.1,"flag":true,"when":"1970-01-01T00:00:00.000Z"}',
      '{"big":-1,"real":-0,"flag":false,"when":"1969-12-31T23:59:59.999Z"}',
      '{"real":null}',
    ]);
    expect(codesOf(result)).toEqual(['W_PARQUET_NOT_FINITE']);
  });

  it('reads it inside of a zip archive', async () => {
    const file = parquet([{ name: 'text', data: texts, type: 'STRING' }]);
    const result = await readBytes(zipOf({ name: 'data.parquet', content: file }), wide);
    expect([recordsOf(result).length, result.containers]).toEqual([50, ['zip', 'parquet']]);
  });

  const good = parquet([{ name: 'text', data: texts, type: 'STRING' }]);
  it.each([
    ['a missing end', good.subarray(0, -20), 'E_PARQUET_TRUNCATED'],
    ['encryption', Buffer.concat([good.subarray(0, -4), Buffer.from('PARE')]), 'E_PARQUET_ENCRYPTED'],
    [
      'a damaged footer',
      Buffer.concat([good.subarray(0, -60), Buffer.alloc(52, 255), good.subarray(-8)]),
      'E_PARQUET_CORRUPT',
    ],
    [
      'binary columns',
      parquet([{ name: 'image', data: [Uint8Array.of(0x89, 0x50, 255)], type: 'BYTE_ARRAY' }]),
      'E_PARQUET_BINARY',
    ],
  ])('refuses %s', async (_name, bytes, code) => {
    expect((await readBytes(bytes, wide)).fatal?.code).toBe(code);
  });

  it('skips rows that are too large', async () => {
    const file = parquet([{ name: 'text', data: ['a', 'x'.repeat(5000), 'b'], type: 'STRING' }]);
    const result = await readBytes(file, { maxRecordBytes: 1000 });
    expect(recordsOf(result)).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(result.findings).toEqual([{ code: 'E_RECORD_TOO_LARGE', line: null, record: 2 }]);
  });
});
