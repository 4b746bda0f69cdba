import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inChunks } from '@/tests/support/chunks.ts';
import { zipOf } from '@/tests/support/zip.ts';
import { checkSource } from './ingest.ts';
import { IngestPool } from './pool/ingest-pool.ts';
import type { IngestOptions, IngestReport } from './types.ts';

/** The rows of dataset-formats section 11 that are about files; those about records stand beside the core. */
let pool: IngestPool;
beforeAll(() => {
  pool = new IngestPool({ threads: 2 });
});
afterAll(() => pool.close());

async function check(input: Input, options: IngestOptions): Promise<IngestReport> {
  const source = typeof input === 'function' ? input() : inChunks(Buffer.from(input), [1000]);
  return (await checkSource(source, options, pool)).report;
}

type Input = string | Uint8Array | (() => AsyncIterable<Uint8Array>);

interface Expectation {
  /** Accepted records; absent: the file is rejected. */
  accepted?: number;
  /** Codes that must be there, with the line where one is given. */
  codes?: (string | [code: string, line: number])[];
  options?: IngestOptions;
  kind?: string;
}

const turn = (text: string) => `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"${text}"}]}`;
const [a, b, c] = [turn('one'), turn('two'), turn('three')];
const conversation = '[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]';
const csv = (text: string, expected: Expectation): [string, Expectation] => [
  text,
  { ...expected, options: { fileName: 'data.csv' } },
];
const HEAD = 'prompt,completion\n';

async function* repeated(piece: string, bytes: number, ends: { before?: string; after?: string } = {}) {
  if (ends.before !== undefined) yield Buffer.from(ends.before);
  const chunk = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)));
  for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk;
  if (ends.after !== undefined) yield Buffer.from(ends.after);
}

const rows: [string, Input, Expectation][] = [
  ['T1 byte order mark', `\ufeff${a}\n`, { accepted: 1, codes: ['I_BOM'] }],
  ['T2 byte order mark in the middle', `${a}\n\ufeff${b}\n`, { codes: [['E_JSON_SYNTAX', 2]] }],
  ['T3 CRLF', `${a}\r\n${b}\r\n`, { accepted: 2, codes: ['I_CRLF'] }],
  ['T4 lone CR', `${a}\r${b}\r`, { codes: ['E_CR_ONLY'] }],
  ['T5 blank lines', `${a}\n\n  \n{"x"\n`, { codes: ['I_BLANK_LINES', ['E_JSON_SYNTAX', 4]] }],
  ['T6 no final newline', `${a}\n${b}`, { accepted: 2, codes: ['I_NO_FINAL_NEWLINE'] }],
  ['T8 comma after each line', `${a},\n${b},\n`, { codes: [['E_JSON_SYNTAX', 1]] }],
  [
    'T22 a stray byte',
    Buffer.concat([Buffer.from(`${a}\n`.repeat(100)), Buffer.from('{"text":"\xff"}\n', 'latin1')]),
    { codes: [['E_UTF8', 101]] },
  ],
  [
    'T22 too many stray bytes to be skipped',
    Buffer.concat([Buffer.from(`${a}\n`.repeat(50)), Buffer.from('{"text":"\xff"}\n', 'latin1')]),
    { codes: ['E_UTF8'], options: { onError: 'skip', maxErrorRatio: 1 } },
  ],
  ['T22 another encoding', Buffer.from(`${turn('caf\xe9')}\n`, 'latin1'), { codes: ['E_UTF8'] }],
  ['T25 separators of Unicode', `${turn('x\u2028y\u2029z\u0085\u000b'.replace('\u000b', ''))}\n`, { accepted: 1 }],
  ['T28 UTF-16', Buffer.from(`\ufeff${a}`, 'utf16le'), { codes: ['E_ENCODING'] }],
  ['T29 nothing', '', { codes: ['E_NO_RECORDS'] }],
  ['T29 byte order mark alone', '\ufeff', { codes: ['E_NO_RECORDS'] }],
  ['T29 newlines alone', '\n\n', { codes: ['E_NO_RECORDS'] }],
  ['T29 []', '[]', { codes: ['E_NO_RECORDS'] }],
  ['T29 {}', '{}', { codes: ['E_SCHEMA_UNRECOGNISED'] }],
  ['T30 one record', a, { accepted: 1 }],
  ['T31 a long line within the limit', `${turn('x'.repeat(3 << 20))}\n`, { accepted: 1 }],
  [
    'T31 a line above the limit',
    `${a}\n${turn('x'.repeat(3 << 20))}\n${b}\n`,
    { codes: [['E_RECORD_TOO_LARGE', 2]], options: { maxRecordBytes: 1 << 20 } },
  ],
  [
    'T32 no newline at all',
    () => repeated('x', 40 << 20, { before: '{"text":"' }),
    { codes: [['E_RECORD_TOO_LARGE', 1]], options: { maxRecordBytes: 1 << 20 } },
  ],
  ['T33 nesting', `${a}\n${'['.repeat(100_000)}\n`, { codes: [['E_JSON_DEPTH', 2]] }],
  ['T33 nesting in an array', `[${a},${'['.repeat(5000)}${']'.repeat(5000)}]`, { codes: ['E_JSON_DEPTH'] }],
  ['T35 an array on one line', `[${`${a},`.repeat(30_000)}${b}]`, { accepted: 30_001 }],
  [
    'T36 a pretty array',
    JSON.stringify([JSON.parse(a), {}, JSON.parse(b)], null, 2),
    { codes: [['E_SCHEMA_UNRECOGNISED', 14]] },
  ],
  ['T37 an array never closed', `[${a},${b},{"messages":[`, { codes: ['E_ARRAY_UNCLOSED'] }],
  ['T38 a comma at the end of an array', `[${a},${b},]`, { codes: ['E_JSON_SYNTAX'] }],
  ['T38 text after an array', `[${a}]\nend`, { codes: ['E_TEXT_AFTER_ARRAY'] }],
  ['T39 an array of messages a line', `${conversation}\n${conversation}\n`, { accepted: 2, kind: 'messages' }],
  ['T40 one conversation', conversation, { accepted: 1, kind: 'messages' }],
  ['T40 an array of conversations', `[${conversation},${conversation}]`, { accepted: 2, kind: 'messages' }],
  ['T41 objects on one line', `${a}${b}`, { accepted: 2, codes: ['W_CONCATENATED'] }],
  [
    'T41 pretty objects',
    [a, b].map((text) => JSON.stringify(JSON.parse(text), null, 2)).join('\n'),
    { accepted: 2, codes: ['W_CONCATENATED'] },
  ],
  ['T42 a wrapper', `{"data":[${a},${b}]}`, { accepted: 2, codes: ['W_WRAPPER'] }],
  ['T42 two arrays', `{"train":[${a}],"test":[${b}]}`, { codes: ['E_WRAPPER_AMBIGUOUS'] }],
  ['T43 double encoding', `${JSON.stringify(a)}\n`, { codes: [['E_RECORD_TYPE', 1]] }],
  ['T44 scalars', `${a}\n1\nnull\n"x"\n`, { codes: [['E_RECORD_TYPE', 2]] }],
  ['T45 .json that is JSONL', `${a}\n${b}\n`, { accepted: 2, codes: ['I_EXTENSION'], options: { fileName: 'a.json' } }],
  [
    'T45 .jsonl that is an array',
    `[\n${a}\n]`,
    { accepted: 1, codes: ['I_EXTENSION'], options: { fileName: 'a.jsonl' } },
  ],
  [
    'T45 .jsonl that is gzip',
    gzipSync(`${a}\n`),
    { accepted: 1, codes: ['I_EXTENSION'], options: { fileName: 'a.jsonl' } },
  ],
  ['T45 .gz that is plain', `${a}\n`, { accepted: 1, codes: ['I_EXTENSION'], options: { fileName: 'a.jsonl.gz' } }],
  ['T45 .csv that is JSON', `${a}\n`, { accepted: 1, codes: ['I_EXTENSION'], options: { fileName: 'a.csv' } }],
  ['T46 gzip members', Buffer.concat([gzipSync(`${a}\n`), gzipSync(`${b}\n`)]), { accepted: 2 }],
  [
    'T47 gzip with zero padding',
    Buffer.concat([gzipSync(`${a}\n`), Buffer.alloc(500)]),
    { accepted: 1, codes: ['I_GZIP_PADDING'] },
  ],
  ['T48 gzip cut off', gzipSync(`${a}\n`.repeat(50_000)).subarray(0, -400), { codes: ['E_GZIP_TRUNCATED'] }],
  ['T49 gzip with a bad CRC', withByte(gzipSync(`${a}\n`), -8), { codes: ['E_GZIP_CRC_MISMATCH'] }],
  ['T49 gzip with a bad length', withByte(gzipSync(`${a}\n`), -4), { codes: ['E_GZIP_LENGTH_MISMATCH'] }],
  [
    'T50 gzip with garbage behind',
    Buffer.concat([gzipSync(`${a}\n`), Buffer.from('garbage')]),
    { codes: ['E_GZIP_TRAILING_GARBAGE'] },
  ],
  ['T51 gzip of nothing', gzipSync(''), { codes: ['E_NO_RECORDS'] }],
  ['T51 gzip bomb', gzipSync(Buffer.alloc(100 << 20, `${a}\n`)), { codes: ['E_BOMB'] }],
  ['T51 gzip three times', gzipSync(gzipSync(gzipSync(`${a}\n`))), { codes: ['E_NESTING'] }],
  [
    'T52 zip',
    zipOf({ name: 'a.jsonl', content: `${a}\n` }, { name: '__MACOSX/._a.jsonl', content: 'x' }),
    { accepted: 1 },
  ],
  [
    'T52 zip with two files',
    zipOf({ name: 'a.jsonl', content: a }, { name: 'b.jsonl', content: b }),
    { codes: ['E_ZIP_SEVERAL'] },
  ],
  ['T52 zip with a path', zipOf({ name: '../a.jsonl', content: a }), { codes: ['E_ZIP_PATH'] }],
  ['T52 zip encrypted', zipOf({ name: 'a.jsonl', content: a, encrypted: true }), { codes: ['E_ZIP_ENCRYPTED'] }],
  ['T54 Parquet', parquetOf(['a', 'b']), { accepted: 2, kind: 'text' }],
  ['T55 LFS pointer', 'version https://git-lfs.github.com/spec/v1\n', { codes: ['E_LFS_POINTER'] }],
  ['T55 HTML', '<!DOCTYPE html>', { codes: ['E_HTML'] }],
  ['T55 XML error', '<Error><Code>NoSuchKey</Code></Error>', { codes: ['E_XML_ERROR'] }],
  ['T56 CSV header only', ...csv(HEAD, { codes: ['E_NO_RECORDS'] })],
  ['T57 CSV quoting', ...csv(`${HEAD}"a\n,""b""",c\n`, { accepted: 1, kind: 'prompt_completion' })],
  [
    'T58 CSV ragged',
    ...csv(`${HEAD}"a\nb",c\nd\ne,f,g\n`, {
      codes: [
        ['E_CSV_RAGGED', 4],
        ['E_CSV_RAGGED', 5],
      ],
    }),
  ],
  ['T59 CSV unterminated quote', ...csv(`${HEAD}a,b\nc,"d\n`, { codes: [['E_CSV_QUOTE', 3]] })],
  ['T60 CSV without header', ...csv('What is it?,It is a thing.\n', { codes: ['E_CSV_HEADER'] })],
  ['T61 CSV duplicate header', ...csv('text,label,label\na,b,c\n', { codes: ['E_CSV_HEADER_DUPLICATE'] })],
  ['T61 CSV empty header', ...csv('text,,label\na,b,c\n', { codes: ['E_CSV_HEADER_EMPTY'] })],
  ['T61 CSV with a byte order mark', ...csv(`\ufeff${HEAD}a,b\n`, { accepted: 1, codes: ['I_BOM'] })],
  ['T61 CSV upper-case header', ...csv('Prompt,Completion\na,b\n', { accepted: 1, codes: ['W_KEY_CASE'] })],
  ['T62 CSV semicolons', ...csv('prompt;completion\na;b\n', { accepted: 1, codes: ['W_CSV_DELIMITER'] })],
  ['T63 CSV cells', ...csv(`${HEAD}001,NA\n3.30,=cmd()\n`, { accepted: 2 })],
  [
    'T64 CSV cells of JSON',
    ...csv(`messages\n"${conversation.replaceAll('"', '""')}"\n`, { accepted: 1, kind: 'messages' }),
  ],
  [
    'T65 Excel as CSV',
    ...csvBytes(zipOf({ name: '[Content_Types].xml', content: 'x' }, { name: 'xl/a.xml', content: 'x' }), 'E_XLSX'),
  ],
  ['T98 duplicates', `${a}\n${b}\n${a}\n`, { accepted: 3, codes: [['W_DUPLICATE', 3]] }],
  ['T103 names', `${c}\n`, { accepted: 1, options: { fileName: `../../\0😀${'x'.repeat(4096)}` } }],
  [
    'T105 every line bad',
    () => repeated('{"messages":1}\n', 8 << 20, { before: `${a}\n` }),
    { codes: ['E_FIELD_TYPE'] },
  ],
];

function csvBytes(bytes: Uint8Array, code: string): [Uint8Array, Expectation] {
  return [bytes, { codes: [code], options: { fileName: 'data.csv' } }];
}

function withByte(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length + at] = (copy.at(at) ?? 0) ^ 0x55;
  return copy;
}

function parquetOf(texts: string[]): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'text', data: texts, type: 'STRING' }] }));
}

describe('tricky files', () => {
  it.each(rows)('%s', async (_name, input, expected) => {
    const report = await check(input, expected.options ?? {});
    const found = Object.keys(report.counts);
    const codes = (expected.codes ?? []).map((code) => (typeof code === 'string' ? code : code[0]));
    expect(found).toEqual(expect.arrayContaining(codes));
    for (const [code, line] of (expected.codes ?? []).filter((item) => typeof item !== 'string')) {
      expect(report.findings.map((f) => [f.code, f.line])).toContainEqual([code, line]);
    }
    expect([report.outcome, report.records.written]).toEqual(
      expected.accepted === undefined ? ['rejected', expect.any(Number)] : ['accepted', expected.accepted],
    );
    if (expected.kind !== undefined) expect(report.kind).toBe(expected.kind);
  });

  it('T104 many tiny records: counts exact, findings capped', async () => {
    const source = repeated('{"text":" a "}\n', 3 << 20);
    const { report } = await checkSource(source, {}, pool);
    expect(report.records.written).toBe(report.records.source);
    expect(report.counts.W_DUPLICATE?.count).toBe(report.records.source - 1);
    expect([report.findings.length, report.findings_truncated]).toEqual([1000, true]);
  });
});
