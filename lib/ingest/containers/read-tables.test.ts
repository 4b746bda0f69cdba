import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  codesOf as codes,
  recordsOf as parsed,
  type ReadSettings,
  readBytes as read,
  textsOf as texts,
  totalOf as total,
} from '@/tests/support/read-container.ts';

describe('CSV', () => {
  const rows = async (text: string, settings: ReadSettings = {}) => read(text, { name: 'data.csv', ...settings });

  it('keeps every cell as the string that it is', async () => {
    const result = await rows('prompt,completion\r\n001,3.30\r\nNA,=cmd()\r\n,TRUE\r\n');
    expect(parsed(result)).toEqual([
      { prompt: '001', completion: '3.30' },
      { prompt: 'NA', completion: '=cmd()' },
      { prompt: '', completion: 'TRUE' },
    ]);
    expect(result.containers).toEqual(['csv']);
  });

  it('reads quoted cells, and tells the line where a row starts', async () => {
    const text = 'prompt,completion\n"a,b","say ""hi""\nthere\\ \t\u0001"\n\nx,y\n"unended at the end",z';
    for (let size = 1; size < 20; size++) {
      const result = await rows(text, { sizes: [size] });
      expect(parsed(result)).toEqual([
        { prompt: 'a,b', completion: 'say "hi"\nthere\\ \t\u0001' },
        { prompt: 'x', completion: 'y' },
        { prompt: 'unended at the end', completion: 'z' },
      ]);
      expect(codes(result)).toEqual(['I_BLANK_LINES']);
    }
  });

  it('rejects ragged rows and rows with text after a quote, and shifts nothing', async () => {
    const text = 'prompt,completion\na,b\nc\nd,e,f\n"g"x,h\ni,\n';
    const result = await rows(text);
    expect(parsed(result)).toEqual([
      { prompt: 'a', completion: 'b' },
      { prompt: 'i', completion: '' },
    ]);
    expect(result.findings).toEqual([
      { code: 'E_CSV_RAGGED', line: 3, record: 2 },
      { code: 'E_CSV_RAGGED', line: 4, record: 3 },
      { code: 'E_CSV_QUOTE', line: 5, record: 4 },
    ]);
    expect(result.batches.map(({ firstLine, firstRecord }) => [firstLine, firstRecord])).toEqual([
      [2, 1],
      [6, 5],
    ]);
  });

  it('skips an oversized row', async () => {
    const result = await rows(`prompt,completion\na,b\nc,"${'x'.repeat(10_000)}\n"\nd,e\n`, {
      sizes: [100],
      maxRecordBytes: 60,
    });
    expect(result.findings).toEqual([{ code: 'E_RECORD_TOO_LARGE', line: 3, record: 2 }]);
    expect(parsed(result)).toEqual([
      { prompt: 'a', completion: 'b' },
      { prompt: 'd', completion: 'e' },
    ]);
  });

  it.each([
    ['semicolons', 'prompt;completion\na,1;b\n', ['W_CSV_DELIMITER']],
    ['tabs', 'prompt\tcompletion\na,1\tb\n', ['W_CSV_DELIMITER']],
    ['a declared separator', 'sep=;\nprompt;completion\na,1;b\n', []],
    ['capital letters', 'Prompt,COMPLETION\n"a,1",b\n', ['W_KEY_CASE', 'W_KEY_CASE']],
    ['a byte order mark', '\ufeffprompt,completion\n"a,1",b', ['I_BOM']],
    ['quoted names', '"prompt","completion"\n"a,1",b\n', []],
  ])('reads %s', async (_name, text, found) => {
    const result = await rows(text);
    expect(parsed(result)).toEqual([{ prompt: 'a,1', completion: 'b' }]);
    expect(codes(result).filter((code) => code !== 'I_EXTENSION')).toEqual(found);
  });

  it.each([
    ['no header', 'What is a cat?,A small animal that people keep.\nAnd a dog?,Another one.\n', 'E_CSV_HEADER', 1],
    ['no header, numbers', '1,2,3\n4,5,6\n', 'E_CSV_HEADER', 1],
    ['two columns of one name', 'text,label,label\na,b,c\n', 'E_CSV_HEADER_DUPLICATE', 1],
    ['a column without a name', ',text,label\n0,b,c\n', 'E_CSV_HEADER_EMPTY', 1],
    ['a quote that never ends', 'prompt,completion\na,b\nc,"d\ne,f\n', 'E_CSV_QUOTE', 3],
  ])('refuses %s', async (_name, text, code, line) => {
    expect((await rows(text)).fatal).toEqual({ code, line });
  });

  it('gives no records for a header alone', async () => {
    expect(total(await rows('prompt,completion\n'))).toBe(0);
  });

  it('reads back any cells, whatever the chunks are', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', '\r\n', '\\', ' ', 'é', '\t') });
    const table = fc.array(fc.tuple(cell, cell), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(table, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), async (cells, sizes) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = `prompt,completion\n${cells.map((row) => row.map(quoted).join(',')).join('\n')}`;
        const result = await rows(text, { sizes, batchBytes: 60, maxRecordBytes: 10_000 });
        expect(parsed(result)).toEqual(cells.map(([prompt, completion]) => ({ prompt, completion })));
      }),
    );
  });
});

describe('plain text', () => {
  it('makes a document of each line', async () => {
    const text = 'One "quoted" line\r\n\n  \nC:\\path\rmore\t\nlast';
    for (let size = 1; size < 12; size++) {
      const result = await read(text, { name: 'notes.txt', sizes: [size] });
      expect(
        texts(result)
          .join('')
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line).text),
      ).toEqual(['One "quoted" line', 'C:\\path\rmore\t', 'last']);
      expect([result.containers, codes(result)]).toEqual([['txt'], ['I_BLANK_LINES']]);
    }
  });

  it('makes a document of each block between blank lines, with the line ends inside it', async () => {
    const text = '\n \r\nOne\r\n  two "x"\rmore\n \t\n\nthree\n\r\nfour\n';
    for (let size = 1; size < 12; size++) {
      const result = await read(text, { text: 'raw_text_paragraphs', sizes: [size] });
      expect(parsed(result)).toEqual([{ text: 'One\r\n  two "x"\rmore' }, { text: 'three' }, { text: 'four' }]);
      expect([result.containers, codes(result)]).toEqual([['txt'], ['I_BLANK_LINES']]);
    }
  });

  it('makes one document of the whole file, character for character', async () => {
    const text = '\n One\r\n\ntwo\t\r';
    for (let size = 1; size < 12; size++) {
      const result = await read(text, { text: 'raw_text_whole', sizes: [size] });
      expect([parsed(result), codes(result)]).toEqual([[{ text }], []]);
    }
    expect(total(await read(' \n\n', { text: 'raw_text_whole' }))).toBe(0);
  });

  it('loses no character to the cutting, however the text and its chunks are', async () => {
    const pieces = fc.array(fc.constantFrom('a', 'é', ' ', '\t', '\n', '\r', '\r\n', '\n\n', '"', '\\'), {
      maxLength: 40,
    });
    const cut = (text: string) =>
      text.split(/(?:^|(?<=\n))[ \t\r]*(?:\n|$)/).filter((block) => /[^ \t\r\n]/.test(block));
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 7 }), async (parts, size) => {
        const text = `a\n${parts.join('')}`;
        const result = await read(text, { text: 'raw_text_paragraphs', sizes: [size] });
        expect(parsed(result)).toEqual(cut(text).map((block) => ({ text: block.replace(/\r?\n$/, '') })));
        expect(parsed(await read(text, { text: 'raw_text_whole', sizes: [size] }))).toEqual([{ text }]);
      }),
    );
  });

  it('refuses a paragraph that is larger than a record may be, and reads on after it', async () => {
    const text = `one\n\n${'long line\n'.repeat(50)}\nlast`;
    const result = await read(text, { text: 'raw_text_paragraphs', maxRecordBytes: 100 });
    expect(parsed(result)).toEqual([{ text: 'one' }, { text: 'last' }]);
    expect([result.rejected, codes(result)]).toEqual([1, ['E_RECORD_TOO_LARGE', 'I_BLANK_LINES']]);
  });

  it('is read as text under any name when the caller says so', async () => {
    expect((await read('hello\nworld', { text: 'raw_text' })).containers).toEqual(['txt']);
    expect((await read('hello\nworld')).fatal?.code).toBe('E_CONTAINER_UNKNOWN');
  });
});

describe('names that lie', () => {
  it.each([
    ['data.json', '{"a":1}\n{"a":2}', ['jsonl'], ['I_EXTENSION', 'I_NO_FINAL_NEWLINE']],
    ['data.jsonl', '[{"a":1}]', ['json_array'], ['I_EXTENSION']],
    ['data.csv', '[{"a":1}]', ['json_array'], ['I_EXTENSION']],
    ['data.txt', '{"a":1}\n', ['jsonl'], ['I_EXTENSION']],
    ['data.jsonl.gz', '{"a":1}\n', ['jsonl'], ['I_EXTENSION']],
    ['data.jsonl', '{"a":1}\n', ['jsonl'], []],
    ['data.json', '[{"a":1}]', ['json_array'], []],
    ['data.json', '{"a":1}', ['json_object'], ['I_NO_FINAL_NEWLINE']],
    ['folder.csv/data', '[{"a":1}]', ['json_array'], []],
  ])('%s', async (name, text, containers, found) => {
    const result = await read(text, { name });
    expect([result.containers, codes(result).sort()]).toEqual([containers, found]);
  });

  it('tells gzip under a plain name, and not under its own', async () => {
    expect(codes(await read(gzipSync('{"a":1}\n'), { name: 'data.jsonl' }))).toEqual(['I_EXTENSION']);
    expect(codes(await read(gzipSync('{"a":1}\n'), { name: 'data.jsonl.gz' }))).toEqual([]);
  });
});
