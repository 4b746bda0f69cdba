import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkSource } from '@/lib/ingest/ingest.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import { brokenFile, sampleFiles } from '@/tests/support/page/sample-files.ts';
import { checkFile } from './check-file.ts';

const pool = new IngestPool({ threads: 1 });
afterAll(() => pool.close());

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What the server says of the same bytes. */
async function serverSays(bytes: Uint8Array, fileName: string) {
  const { report } = await checkSource(once(bytes), { fileName }, pool);
  const errors = report.findings.filter(({ severity }) => severity === 'error' || severity === 'fatal');
  return { report, errors };
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const place = ({
  code,
  line,
  record,
  path,
}: {
  code: string;
  line: number | null;
  record: number | null;
  path: string | null;
}) => ({
  code,
  line,
  record,
  path,
});

describe('the check in the browser', () => {
  const files = sampleFiles().filter(({ name }) => /\.(jsonl|json)$/.test(name));

  test.each(files)('agrees with the server on $name, plain and gzip', async ({ name, content }) => {
    const { report } = await serverSays(bytesOf(content), name);
    for (const blob of [new Blob([content]), new Blob([gzipSync(content)])]) {
      const check = await checkFile(blob);
      expect(check).toMatchObject({
        verdict: 'good',
        kind: report.kind,
        formats: report.source_formats,
        records: report.records.source,
        errors: 0,
        whole: true,
        estimatedTokens: report.statistics?.estimated_tokens.value,
      });
    }
  });

  test('finds the same errors in the same places', async () => {
    const { name, content } = brokenFile();
    const { errors } = await serverSays(bytesOf(content), name);
    const check = await checkFile(new Blob([content]));
    expect(check.verdict).toBe('bad');
    expect(errors.length).toBeGreaterThan(3);
    expect(check.findings.filter(({ severity }) => severity === 'error').map(place)).toEqual(errors.map(place));
  });

  test('numbers lines and records right over many batches, as lines and as an array', async () => {
    const pad = 'x'.repeat(3000);
    const record = (i: number) => ({
      messages: [
        { role: 'user', content: `${pad} ${i}` },
        { role: 'assistant', content: i === 1500 ? 5 : 'yes' },
      ],
    });
    const records = Array.from({ length: 2000 }, (_, i) => JSON.stringify(record(i)));
    for (const text of [`\n${records.join('\n\n')}`, `[\n${records.join(',\n')}\n]\n`]) {
      const { errors } = await serverSays(bytesOf(text), 'many.json');
      const check = await checkFile(new Blob([text]));
      expect(check.records).toBe(2000);
      expect(errors).not.toHaveLength(0);
      expect(check.findings.filter(({ severity }) => severity === 'error').map(place)).toEqual(errors.map(place));
    }
  });

  test('tells a file that was cut off, and one with nothing in it', async () => {
    expect(await checkFile(new Blob(['[{"text":"a"},{"text":"b"}']))).toMatchObject({ verdict: 'bad', errors: 1 });
    expect((await checkFile(new Blob(['{"unheard_of": 1}\n']))).verdict).toBe('bad');
  });

  test.each([
    ['CSV', 'text,label\nhello,a\n'],
    ['a wrapper', '{"data": [{"text": "a"}, {"text": "b"}]}'],
    ['one conversation', '[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]'],
    ['pretty-printed objects', '{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n'],
    ['UTF-16', '\u0000{\u0000"'],
    ['Parquet', 'PAR1....'],
    ['nothing', ''],
  ])('leaves %s to the server', async (_, content) => {
    expect((await checkFile(new Blob([content]))).verdict).toBe('unknown');
  });

  test('stops where it was told to, and says that it saw a part', async () => {
    const content = '{"text":"some words to read"}\n'.repeat(200_000);
    const check = await checkFile(new Blob([content]), { maxBytes: 2 << 20 });
    expect(check).toMatchObject({ whole: false, verdict: 'good' });
    expect(check.records).toBeGreaterThan(1000);
    expect(check.records).toBeLessThan(200_000);
  });

  test('counts the same records whatever the layout of lines', async () => {
    const line = fc.oneof(
      fc.constant(''),
      fc.constant('  '),
      fc.string().map((text) => JSON.stringify({ text: `a${text}` })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1 }), fc.constantFrom('\n', '\r\n'), async (lines, end) => {
        const text = `{"text":"first"}${end}${lines.join(end)}`;
        const { report } = await serverSays(bytesOf(text), 'a.jsonl');
        expect((await checkFile(new Blob([text]))).records).toBe(report.records.source);
      }),
      { numRuns: 40 },
    );
  });
});
