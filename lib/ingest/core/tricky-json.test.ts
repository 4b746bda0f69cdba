import { describe, expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { elements, jsonl, lines, rows } from '@/tests/support/record-batches.ts';
import { answer, GOOD, judgeRows, line, type Row, records, user, withText } from '@/tests/support/tricky-rows.ts';

const GOOD_PAIR = { prompt: 'p', chosen: 'yes', rejected: 'no' };
const GOOD_TASK = { instruction: 'i', output: 'o' };
const withField = (json: string) =>
  `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"x":${json}}`;
const bytesAround = (...raw: number[]) => {
  const encoder = new TextEncoder();
  const [before, after] = withText('"#"').split('#');
  return new Uint8Array([...encoder.encode(before), ...raw, ...encoder.encode(after)]);
};

const JSON_ROWS: Row[] = [
  line('T2 BOM before a later record', `\uFEFF${GOOD.trim()}`, 'reject', ['E_JSON_SYNTAX']),
  line('T2 BOM inside a string', withText('"a\uFEFFb"'), 'accept'),
  line('T3 CR LF', `${GOOD.trim()}\r`, 'accept', ['I_CRLF'], GOOD.trim()),
  line('T5 blank lines', `  \n\t\n${GOOD.trim()}`, 'accept', ['I_BLANK_LINES']),
  line('T7 comma before }', '{"text":"a",}', 'reject', ['E_JSON_SYNTAX']),
  line('T7 comma before ]', withField('[1,]'), 'reject', ['E_JSON_SYNTAX']),
  line('T8 comma after the line', `${GOOD.trim()},`, 'reject', ['E_JSON_SYNTAX']),
  line('T9 Python repr', "{'text': None}", 'reject', ['E_JSON_SYNTAX']),
  line('T10 comment', `${GOOD.trim()} // x`, 'reject', ['E_JSON_SYNTAX']),
  line('T10 bare key', '{text:"a"}', 'reject', ['E_JSON_SYNTAX']),
  ...['NaN', 'Infinity', '-Infinity'].map((word) => line(`T11 ${word}`, withField(word), 'reject', ['E_JSON_SYNTAX'])),
  line('T12 1e400', withField('1e400'), 'reject', ['E_NUMBER_RANGE']),
  ...['9007199254740993', '123456789012345678901234567890', '0.1000000000000000055'].map((number) =>
    line(`T13 ${number}`, withField(number), 'accept', ['W_NUMBER_PRECISION'], withField(number)),
  ),
  ...['-0', '1.0', '1E5', '1.10', '0.30000000000000004'].map((number) =>
    line(`T14 ${number}`, withField(number), 'accept', [], withField(number)),
  ),
  ...['01', '+1', '.5', '1.', '0x10', '-', '1e', '1e+'].map((text) =>
    line(`T15 ${text}`, withField(text), 'reject', ['E_JSON_SYNTAX']),
  ),
  line('T16 same key twice', withField('{"a":1,"a":1}'), 'reject', ['E_JSON_DUPLICATE_KEY']),
  line('T17 same key by an escape', withField('{"a":1,"\\u0061":2}'), 'reject', ['E_JSON_DUPLICATE_KEY']),
  line(
    'T18 __proto__',
    withField('{"__proto__":{"a":1},"constructor":2}'),
    'accept',
    [],
    withField('{"__proto__":{"a":1},"constructor":2}'),
  ),
  line('T19 keys like integers', withField('{"10":1,"2":2}'), 'accept', [], withField('{"10":1,"2":2}')),
  line('T20 half a surrogate', withText('"a\\ud800b"'), 'reject', ['E_LONE_SURROGATE']),
  line('T20 the low half', withText('"\\udc00"'), 'reject', ['E_LONE_SURROGATE']),
  line('T21 a surrogate pair', withText('"\\ud83d\\ude00"'), 'accept', [], withText('"\\ud83d\\ude00"')),
  line('T22 Latin-1', bytesAround(0xe9), 'reject', ['E_UTF8']),
  line('T22 overlong', bytesAround(0xc0, 0xaf), 'reject', ['E_UTF8']),
  line('T22 overlong of three', bytesAround(0xe0, 0x80, 0xaf), 'reject', ['E_UTF8']),
  line('T22 a surrogate in UTF-8', bytesAround(0xed, 0xa0, 0x80), 'reject', ['E_UTF8']),
  line('T22 beyond U+10FFFF', bytesAround(0xf4, 0x90, 0x80, 0x80), 'reject', ['E_UTF8']),
  line('T23 \\u0000', withText('"a\\u0000b"'), 'accept', ['W_NUL']),
  line('T23 raw NUL', bytesAround(0x61, 0x00), 'reject', ['E_JSON_SYNTAX']),
  line('T23 \\u0001', withText('"a\\u0001b"'), 'accept', ['W_CONTROL']),
  line('T24 raw tab', withText('"a\tb"'), 'reject', ['E_JSON_SYNTAX']),
  line(
    'T25 separators in a string',
    withText('"a\u2028\u2029\u0085b"'),
    'accept',
    [],
    withText('"a\\u2028\\u2029\u0085b"'),
  ),
  line('T25 separators in a key', withField('{"a\u2028b":1}'), 'accept', [], withField('{"a\\u2028b":1}')),
  {
    ...records('T25 separators in a key of a converted record', GOOD_TASK, { ...GOOD_TASK, 'a\u2029b': 1 }, 'accept'),
    becomes:
      '{"messages":[{"role":"user","content":"i"},{"role":"assistant","content":"o"}],"metadata":{"a\\u2029b":1}}',
  },
  line('T26 NFD', withText('"e\u0301"'), 'accept', [], withText('"e\u0301"')),
  line('T27 zero width and overrides', withText('"a\u200b\u202e\u00adb"'), 'accept'),
  line('T27 U+FFFD', withText('"a\ufffd"'), 'accept', ['W_REPLACEMENT_CHAR']),
  line('T29 {}', '{}', 'reject', ['E_SCHEMA_UNRECOGNISED']),
  line('T33 nesting of 100,000', '['.repeat(100_000), 'reject', ['E_JSON_DEPTH']),
  line('T33 nesting of 64', withField(`${'['.repeat(63)}${']'.repeat(63)}`), 'accept'),
  line('T33 nesting of 65', withField(`${'['.repeat(64)}${']'.repeat(64)}`), 'reject', ['E_JSON_DEPTH']),
  line('T34 too many values', withField(`[${'1,'.repeat(1_600_000)}1]`), 'reject', ['E_RECORD_TOO_LARGE']),
  line('T43 doubly encoded', JSON.stringify(GOOD.trim()), 'reject', ['E_RECORD_TYPE']),
  ...['1', 'null', 'true'].map((text) => line(`T44 ${text}`, text, 'reject', ['E_RECORD_TYPE'])),
];

const FILE_ROWS: Row[] = [
  {
    name: 'T36 pretty-printed array',
    batch: elements(JSON.stringify([{ text: 'a' }, { text: 'b' }], null, 2)),
    expect: 'accept',
    becomes: '{"text":"b"}',
  },
  {
    name: 'T39 arrays of messages a line',
    batch: jsonl([user, answer], [user, answer]),
    expect: 'accept',
    becomes: GOOD.trim(),
  },
  {
    name: 'T61 upper-case header',
    batch: rows([{ Prompt: 'p', Completion: 'c' }]),
    expect: 'accept',
    codes: ['W_KEY_CASE'],
    becomes: '{"prompt":"p","completion":"c"}',
  },
  {
    name: 'T63 cells stay strings',
    batch: rows([{ instruction: '001', output: 'NA' }]),
    expect: 'accept',
    becomes: '{"messages":[{"role":"user","content":"001"},{"role":"assistant","content":"NA"}]}',
  },
  {
    name: 'T64 messages in a cell',
    batch: rows([{ messages: JSON.stringify([user, answer]) }]),
    expect: 'accept',
    codes: ['W_CELL_JSON'],
    becomes: GOOD.trim(),
  },
  {
    name: 'T64 Python repr in a cell',
    batch: rows([{ messages: "[{'role': 'user'}]" }]),
    expect: 'reject',
    codes: ['E_FIELD_TYPE'],
  },
  { ...records('T66 mixed kinds', { messages: [user, answer] }, GOOD_PAIR, 'reject', ['E_MIXED_KIND']) },
  {
    ...records(
      'T67 mixed sources',
      { messages: [user, answer] },
      {
        conversations: [
          { from: 'human', value: 'q' },
          { from: 'gpt', value: 'a' },
        ],
      },
      'accept',
      ['W_MIXED_SOURCE'],
    ),
  },
  {
    name: 'an array of strings',
    batch: elements('["a","b"]'),
    expect: 'accept',
    codes: ['W_BARE_STRING'],
    becomes: '{"text":"b"}',
  },
  {
    name: 'T99 too large once normalised',
    batch: jsonl({ instruction: 'i'.repeat(40), input: 'x', output: 'o' }),
    expect: 'reject',
    codes: ['E_RECORD_TOO_LARGE'],
    options: { maxRecordBytes: 90 },
  },
];

describe('tricky JSON', () => judgeRows(JSON_ROWS));
describe('tricky files', () => judgeRows(FILE_ROWS));

test('a line that is nothing but faults is read in one pass', () => {
  const bytes = new TextEncoder().encode(`{"text":"a"}${'x'.repeat(400_000)}`);
  const run = runCore({ bytes, framing: 'values', firstLine: 1, firstRecord: 1 });
  expect(run).toMatchObject({ written: 1, rejected: 400_000 });
});

test('T105 findings are capped, counts are exact', () => {
  const run = runCore(lines(`${GOOD}${'{bad\n'.repeat(3000)}`));
  expect(run.findings.length).toBe(1000);
  expect(run.counts).toMatchObject({ E_JSON_SYNTAX: 3000 });
});

test('T94 no finding quotes a record when excerpts are off', () => {
  const run = runCore(lines(`${GOOD}{"messages":[{"role":"secret-word","content":1}]}\n`), { excerpts: false });
  expect(run.findings.length).toBeGreaterThan(0);
  expect(run.findings.every(({ excerpt }) => excerpt === null)).toBe(true);
});
