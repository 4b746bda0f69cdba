import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  codesOf as codes,
  readBytes as read,
  textsOf as texts,
  totalOf as total,
} from '@/tests/support/read-container.ts';

const chat = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}';
const turns = '[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]';

describe('layouts of JSON', () => {
  const rows: [string, string, string, number][] = [
    ['one record a line', '{"a":1}\n{"a":2}\n', 'jsonl', 2],
    ['a single line', '{"a":1}', 'jsonl', 1],
    ['blank lines first', '\n\n{"a":1}\n{"a":2}', 'jsonl', 2],
    ['a broken first line', '{"a":\n{"a":2}\n{"a":3}\n', 'json_concatenated', 0],
    ['an unended string in the first line', '{"a":"x}\n{"a":2}\n{"a":3}\n', 'jsonl', 3],
    ['a comma after each line', '{"a":1},\n{"a":2},\n', 'jsonl', 2],
    ['lines of conversations', `${turns}\n${turns}\n`, 'jsonl', 2],
    ['one conversation on one line', turns, 'jsonl', 1],
    ['one conversation over several lines', turns.replaceAll('},', '},\n'), 'json_object', 1],
    ['an array of conversations', `[${turns},${turns}]`, 'json_array', 2],
    ['an array on one line', '[{"a":1},{"a":2}]', 'json_array', 2],
    ['an array over several lines', '[\n  {"a": 1},\n  {"a": 2}\n]\n', 'json_array', 2],
    ['an array of scalars', '["a", 1, null, true]', 'json_array', 4],
    ['an empty array', '[]', 'json_array', 0],
    ['a pretty-printed object', '{\n  "a": 1\n}\n', 'json_object', 1],
    ['pretty-printed objects', '{\n  "a": 1\n}\n{\n  "a": 2\n}', 'json_concatenated', 2],
    ['objects on one line', '{"a":1}{"a":2} {"a":3}', 'json_concatenated', 3],
    ['a wrapper', '{"version":1,"data":[{"a":1},{"a":2}]}', 'json_wrapper', 2],
    ['a wrapper over lines', '{\n "data": [\n{"a":1},\n{"a":2}\n],\n "n": 2\n}\n', 'json_wrapper', 2],
    ['a wrapper of conversations', `{"conversations":[${turns},${turns}]}`, 'json_wrapper', 2],
    ['a record that only looks wrapped', '{"conversations":[{"from":"human","value":"a"}]}', 'jsonl', 1],
    ['lines of wrappers', '{"data":[{"a":1}]}\n{"data":[{"a":2}]}\n', 'jsonl', 2],
    ['words of JSON', '"a"\nnull\n1\n', 'jsonl', 3],
  ];
  it.each(rows.filter(([name]) => name !== 'a broken first line'))('%s', async (_name, text, container, records) => {
    for (const sizes of [[1 << 20], [1], [3, 5]]) {
      const result = await read(text, { sizes });
      expect([result.containers, total(result), result.fatal]).toEqual([[container], records, undefined]);
    }
  });

  it('asks which when there are two arrays', async () => {
    for (const text of [
      '{"train":[{"a":1}],"test":[{"a":2}]}',
      '{"data":[{"a":1}],"other":[{"b":2}]}',
      `{"data":[{"a":1}],"pad":"${'x'.repeat(70_000)}","other":[{"b":2}]}`,
    ]) {
      expect((await read(text)).fatal?.code).toBe('E_WRAPPER_AMBIGUOUS');
    }
  });

  it('finds a second array behind a wrapper that is longer than the look ahead', async () => {
    const records = Array.from({ length: 60_000 }, (_, n) => `{"n":${n},"text":"${'y'.repeat(70)}"}`).join(',');
    const good = await read(`{"data":[${records}],"count":60000}`, { sizes: [65_536], batchBytes: 1 << 20 });
    expect([total(good), good.fatal, codes(good)]).toEqual([60_000, undefined, ['W_WRAPPER']]);
    const bad = await read(`{"data":[${records}],"more":[{"a":1}]}`, { sizes: [65_536], batchBytes: 1 << 20 });
    expect(bad.fatal?.code).toBe('E_WRAPPER_AMBIGUOUS');
  });

  it('reads lines whose first is longer than the look ahead', async () => {
    const long = `{"text":"${'z'.repeat(5 << 20)}"}`;
    const result = await read(`${long}\n{"a":1}\n`, { sizes: [65_536], maxRecordBytes: 6 << 20 });
    expect([result.containers, total(result)]).toEqual([['jsonl'], 2]);
  });

  it('tells what stood beside the records of a wrapper', async () => {
    expect(codes(await read('{"data":[{"a":1}],"n":1}'))).toEqual(['W_WRAPPER']);
    expect((await read('{"data":[{"a":1}],"n":}')).fatal?.code).toBe('E_JSON_SYNTAX');
  });
});

describe('arrays', () => {
  it('hands over elements without the separators around them', async () => {
    const result = await read('[\n\n {"a":1} , {"a":2},\n{"a":3}\n]', { batchBytes: 9 });
    expect(result.batches).toEqual([
      { text: '{"a":1} , {"a":2}', firstLine: 3, firstRecord: 1, records: 2, lineStep: 0 },
      { text: '{"a":3}', firstLine: 4, firstRecord: 3, records: 1, lineStep: 0 },
    ]);
  });

  it.each([
    ['never closed', '[{"a":1},\n{"a":2},\n{"a":', { code: 'E_ARRAY_UNCLOSED', line: 3 }, 2],
    ['text after it', '[{"a":1}]\nhello', { code: 'E_TEXT_AFTER_ARRAY', line: 1 }, 1],
    ['two arrays of records', '[{"a":1}] x [{"a":1}]', { code: 'E_TEXT_AFTER_ARRAY', line: 1 }, 1],
    ['closed by a brace', '[{"a":1}\n}', { code: 'E_JSON_SYNTAX', line: 2 }, 1],
  ])('%s', async (_name, text, fatal, records) => {
    const result = await read(text);
    expect([result.fatal, total(result)]).toEqual([fatal, records]);
  });

  it.each([
    ['a comma at the end', '[{"a":1},\n{"a":2},\n]', [{ code: 'E_JSON_SYNTAX', line: 3, record: 3 }]],
    ['a comma too many', '[{"a":1},,{"a":2}]', [{ code: 'E_JSON_SYNTAX', line: 1, record: 2 }]],
    ['a comma too few', '[{"a":1}\n{"a":2}]', [{ code: 'E_JSON_SYNTAX', line: 2, record: 2 }]],
  ])('%s', async (_name, text, findings) => {
    const result = await read(text);
    expect([result.findings, total(result), result.fatal]).toEqual([findings, 2, undefined]);
  });

  it('skips an oversized element without holding it', async () => {
    const text = `[{"a":1},\n{"long":"${'x'.repeat(500_000)}"},\n{"a":2}]`;
    const result = await read(text, { maxRecordBytes: 100, sizes: [1000] });
    expect(texts(result)).toEqual(['{"a":1}', '{"a":2}']);
    expect(result.batches[1]).toMatchObject({ firstLine: 3, firstRecord: 3 });
    expect(result.findings).toEqual([{ code: 'E_RECORD_TOO_LARGE', line: 2, record: 2 }]);
    expect(result.rejected).toBe(1);
  });

  it('does not carry long white space around', async () => {
    const gap = ' '.repeat(50_000);
    const result = await read(`[1,${gap}2${gap},3]${gap}`, { sizes: [700] });
    expect(texts(result)).toEqual(['1', '2', '3']);
  });

  it('reads values that contain everything that looks like structure', async () => {
    const value = { 'a"]}': ['\\', '"\\"', { b: '[{,' }], c: '\\\\"' };
    const text = JSON.stringify([value, value, 'x"]', '\\']);
    for (let size = 1; size < 12; size++) {
      const [batch] = (await read(text, { sizes: [size] })).batches;
      expect(JSON.parse(`[${batch?.text}]`)).toEqual([value, value, 'x"]', '\\']);
    }
  });

  it('cuts the same whatever the chunks are', async () => {
    const element = fc.json().map((text) => text.replaceAll('__proto__', 'p'));
    const space = fc.constantFrom('', ' ', '\n', '\r\n  ');
    const array = fc.tuple(fc.array(element, { minLength: 1, maxLength: 12 }), space, space);
    await fc.assert(
      fc.asyncProperty(
        array,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async ([parts, a, b], sizes) => {
          const text = `[${parts.map((part) => `${a}${part}${b}`).join(',')}]`;
          const options = { batchBytes: 30, maxRecordBytes: 60 };
          const whole = await read(text, options);
          expect(await read(text, { ...options, sizes })).toEqual(whole);
          expect(total(whole) + whole.rejected).toBe(parts.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('values that follow each other', () => {
  it('keeps physical lines', async () => {
    const result = await read('{\n"a":1\n}\n\n{\n"a":2\n}', { batchBytes: 4 });
    expect(result.batches.map(({ firstLine, firstRecord }) => [firstLine, firstRecord])).toEqual([
      [1, 1],
      [5, 2],
    ]);
    expect(codes(result)).toEqual(['W_CONCATENATED']);
  });

  it('names commas between them', async () => {
    const result = await read('{\n"a":1\n},\n{\n"a":2\n}');
    expect(result.findings[0]).toEqual({ code: 'E_JSON_SYNTAX', line: 3, record: 2 });
    expect(total(result)).toBe(2);
  });

  it('gives an unended value to the core', async () => {
    const result = await read('{\n"a":1\n}\n{\n"a":');
    expect([total(result), result.batches.at(-1)?.text.endsWith('"a":')]).toEqual([2, true]);
  });
});

describe('what is no dataset', () => {
  const rows: [string, string | Uint8Array, string][] = [
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n', 'E_LFS_POINTER'],
    ['an HTML page', '\n<!DOCTYPE html>\n<html></html>', 'E_HTML'],
    ['an HTML page without doctype', '<html lang="en">', 'E_HTML'],
    [
      'an error of S3',
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
      'E_XML_ERROR',
    ],
    ['XML', '<?xml version="1.0"?><rows/>', 'E_XML'],
    ['a PDF', '%PDF-1.7\n', 'E_PDF'],
    ['a SQLite database', 'SQLite format 3\0aaaa', 'E_SQLITE'],
    ['Arrow', 'ARROW1\0\0', 'E_UNSUPPORTED_CONTAINER'],
    ['bzip2', 'BZh91AY', 'E_UNSUPPORTED_CONTAINER'],
    ['xz', Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), 'E_UNSUPPORTED_CONTAINER'],
    [
      'a tar archive',
      Buffer.concat([Buffer.from('a.jsonl'.padEnd(257, '\0')), Buffer.from('ustar\0')]),
      'E_UNSUPPORTED_CONTAINER',
    ],
    ['a pickle', Uint8Array.of(0x80, 4, 0x95, 0), 'E_UNSUPPORTED_CONTAINER'],
    ['UTF-16 with a mark', Buffer.from('\ufeff{"a":1}', 'utf16le'), 'E_ENCODING'],
    ['UTF-16 without a mark', Buffer.from('{"a":1}', 'utf16le'), 'E_ENCODING'],
    ['UTF-16 big endian', Buffer.from('\ufeff{"a":1}', 'utf16le').swap16(), 'E_ENCODING'],
    ['UTF-32', Uint8Array.of(0x7b, 0, 0, 0, 0x22, 0, 0, 0), 'E_ENCODING'],
    ['Latin-1', Buffer.from('{"text":"caf\u00e9 cr\u00e8me"}\n', 'latin1'), 'E_UTF8'],
    ['CR-only line ends', '{"a":1}\r{"a":2}\r', 'E_CR_ONLY'],
  ];
  it.each(rows)('%s', async (_name, bytes, code) => {
    for (const sizes of [[1 << 20], [1]]) {
      const result = await read(bytes, { sizes });
      expect([result.fatal?.code, total(result)]).toEqual([code, 0]);
    }
    expect((await read(gzipSync(bytes))).fatal?.code).toBe(code);
  });

  it('reads a byte order mark as none', async () => {
    const result = await read('\ufeff{"a":1}\n');
    expect([texts(result), codes(result)]).toEqual([['{"a":1}\n'], ['I_BOM']]);
  });

  it('does not take a character cut at the end of the look ahead for damage', async () => {
    for (let pad = 4070; pad < 4096; pad++) {
      expect((await read(`{"a":"${'x'.repeat(pad)}€€€€"}`, { maxRecordBytes: 10_000 })).fatal).toBeUndefined();
    }
  });
});

describe('gzip', () => {
  const text = `${chat}\n`.repeat(50);
  const packed = gzipSync(text);
  it.each([
    ['one member', packed, undefined, []],
    ['two members', Buffer.concat([packed, packed]), undefined, []],
    ['zero padding', Buffer.concat([packed, Buffer.alloc(100)]), undefined, ['I_GZIP_PADDING']],
    ['cut off', packed.subarray(0, -9), 'E_GZIP_TRUNCATED', []],
    ['something appended', Buffer.concat([packed, Buffer.from('x')]), 'E_GZIP_TRAILING_GARBAGE', []],
    ['compressed twice', gzipSync(packed), undefined, []],
    ['compressed three times', gzipSync(gzipSync(packed)), 'E_NESTING', []],
  ])('%s', async (_name, bytes, fatal, found) => {
    const result = await read(bytes, { sizes: [7], maxRecordBytes: 10_000 });
    expect([result.fatal?.code, codes(result)]).toEqual([fatal, found]);
  });

  it('stops a bomb while it grows, also one in two layers', async () => {
    const bomb = gzipSync(Buffer.alloc(80 << 20, '{"a":1}\n'));
    expect((await read(bomb, { batchBytes: 1 << 20 })).fatal?.code).toBe('E_BOMB');
    expect((await read(gzipSync(bomb), { batchBytes: 1 << 20 })).fatal?.code).toBe('E_BOMB');
  });

  it('is empty when what it holds is', async () => {
    expect((await read(gzipSync(''))).batches).toEqual([]);
  });
});
