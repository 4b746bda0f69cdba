import type { RecordBatch } from '@/lib/ingest/core/contract.ts';

const encoder = new TextEncoder();

/** A whole text as one batch of JSONL. */
export function lines(text: string | Uint8Array): RecordBatch {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  return { bytes, framing: 'lines', firstLine: 1, firstRecord: 1 };
}

/** Values as JSONL, one a line. */
export function jsonl(...values: unknown[]): RecordBatch {
  return lines(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
}

/** A JSON array's text as one batch of elements. The real frame streams; this takes what lies between the brackets. */
export function elements(text: string): RecordBatch {
  const open = text.indexOf('[');
  const close = text.lastIndexOf(']');
  const before = text.slice(0, open).split('\n').length;
  return { bytes: encoder.encode(text.slice(open + 1, close)), framing: 'elements', firstLine: before, firstRecord: 1 };
}

/** Rows of a table as the frame hands them over: objects of strings, with the line of each. */
export function rows(
  records: readonly Record<string, string>[],
  lineOf: (index: number) => number = (i) => i + 2,
): RecordBatch {
  const batch = jsonl(...records);
  return { ...batch, cells: true, lines: Uint32Array.from(records, (_, i) => lineOf(i)) };
}

/** The same records in batches of at most `size` records. */
export function split(batch: RecordBatch, size: number): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let from = 0;
  let line = batch.firstLine;
  let record = batch.firstRecord;
  while (from < batch.bytes.length) {
    let to = from;
    let count = 0;
    let passed = 0;
    while (to < batch.bytes.length && count < size) {
      const newline = batch.bytes.indexOf(0x0a, to);
      const end = newline < 0 ? batch.bytes.length : newline + 1;
      if (batch.bytes.subarray(to, end).some((c) => c > 0x20)) count++;
      passed++;
      to = end;
    }
    batches.push({ ...batch, bytes: batch.bytes.slice(from, to), firstLine: line, firstRecord: record });
    from = to;
    line += passed;
    record += count;
  }
  return batches;
}
