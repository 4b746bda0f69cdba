import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchBuffers } from '@/lib/ingest/bytes/batch-buffers.ts';
import type { FramedBatch, ScanLog } from './framed-batch.ts';
import { LineCutter } from './lines.ts';

interface Cut {
  text: string | undefined;
  firstLine: number | undefined;
  firstRecord: number | undefined;
  records: number;
  rejected: number;
  lines: (number | null)[];
}

function cut(chunks: readonly string[], options: { batchBytes: number; maxRecordBytes: number }): [Cut[], string[]] {
  const log: ScanLog = { container: [], findings: [] };
  const cutter = new LineCutter(new BatchBuffers(64, 4), options);
  const batches: FramedBatch[] = [];
  for (const chunk of chunks) {
    cutter.push(Buffer.from(chunk));
    batches.push(...cutter.take());
  }
  batches.push(...cutter.finish(log));
  return [batches.map(summary), log.findings.map((f) => f.code)];
}

function summary({ batch, records, rejected, findings }: FramedBatch): Cut {
  return {
    text: batch && Buffer.from(batch.bytes).toString(),
    firstLine: batch?.firstLine,
    firstRecord: batch?.firstRecord,
    records,
    rejected,
    lines: findings.map((f) => f.line),
  };
}

const wide = { batchBytes: 1000, maxRecordBytes: 1000 };

describe('cutting lines', () => {
  it('keeps blank lines out of the record count and in the line count', () => {
    const [[first, second]] = cut(['\n{"a":1}\n  \t\r\n\n{"b":2}\r\n{"c":3}'], { batchBytes: 20, maxRecordBytes: 100 });
    expect(first).toMatchObject({ firstLine: 1, firstRecord: 1, records: 2 });
    expect(second).toMatchObject({ text: '{"c":3}', firstLine: 6, firstRecord: 3, records: 1 });
  });

  it('tells what it passed over', () => {
    expect(cut(['{}\r\n\n{}'], wide)[1]).toEqual(['I_CRLF', 'I_BLANK_LINES', 'I_NO_FINAL_NEWLINE']);
    expect(cut(['{}\n{}\n'], wide)[1]).toEqual([]);
  });

  it('does not split at CR, U+2028, VT or FF', () => {
    const [[only]] = cut(['"a\rb\u2028c\u000bd\u000ce"\n'], wide);
    expect(only).toMatchObject({ records: 1 });
  });

  it('skips an oversized line and resumes after it with exact numbers', () => {
    const options = { batchBytes: 1000, maxRecordBytes: 10 };
    const [batches] = cut(['{"a":1}\n{"long":"xxxxxxxxx', 'xxxxxxxxxxxxxxxx"}\n{"b":2}\n'], options);
    expect(batches).toEqual([
      { text: '{"a":1}\n', firstLine: 1, firstRecord: 1, records: 1, rejected: 0, lines: [] },
      { text: '{"b":2}\n', firstLine: 3, firstRecord: 3, records: 1, rejected: 1, lines: [2] },
    ]);
  });

  it('does not pile up what it says where no record can be used', () => {
    const options = { batchBytes: 1000, maxRecordBytes: 10 };
    const [batches] = cut([`${'"too long to be a record"\n'.repeat(2500)}"a"\n`], options);
    expect(batches.map(({ records, rejected, lines }) => [records, rejected, lines.length])).toEqual([
      [0, 1000, 1000],
      [0, 1000, 1000],
      [1, 500, 500],
    ]);
    expect(batches[2]).toMatchObject({ firstLine: 2501, firstRecord: 2501 });
  });

  it('gives nothing for blank lines alone', () => {
    expect(cut(['\n \n\n'], wide)[0]).toEqual([]);
  });

  it('cuts the same whatever the chunks are', () => {
    const line = fc.constantFrom(
      '',
      ' ',
      '\r',
      '{"a":1}',
      '{"b":"xx"}\r',
      '"0123456789012345678901234567890123456789"',
    );
    const scenario = fc.tuple(
      fc.array(line),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
    );
    fc.assert(
      fc.property(scenario, ([lines, ended, sizes]) => {
        const text = lines.join('\n') + (ended ? '\n' : '');
        const options = { batchBytes: 24, maxRecordBytes: 30 };
        expect(cut(chunks(text, sizes), options)).toEqual(cut([text], options));
        const [batches] = cut([text], options);
        const whole = batches.map((batch) => batch.text ?? '').join('');
        expect(whole.replace(/\s/g, '')).toBe(
          lines
            .filter((l) => l.length <= 30)
            .join('')
            .replace(/\s/g, ''),
        );
      }),
    );
  });
});

function chunks(text: string, sizes: readonly number[]): string[] {
  const parts: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    parts.push(text.slice(at, at + size));
    at += size;
  }
  return parts;
}
