import { describe, expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { elements, jsonl, lines, rows } from '@/tests/support/record-batches.ts';
import type { CoreOptions, RecordBatch } from './contract.ts';

/**
 * The rows of the table of tricky inputs that concern records; files, containers and compression are the frame's. Each
 * row's record stands after a good one of its kind, so that the kind is settled and the row alone is judged.
 */
type Expected = 'accept' | 'reject';
interface Row {
  name: string;
  batch: RecordBatch;
  expect: Expected;
  /** Codes that must be found. */
  codes?: string[];
  /** What the last canonical record must be, as text. */
  becomes?: string;
  options?: Partial<CoreOptions>;
}

const GOOD = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n';
const user = { role: 'user', content: 'q' };
const answer = { role: 'assistant', content: 'a' };
const call = (id: string, args: unknown = '{}') => ({ id, type: 'function', function: { name: 'f', arguments: args } });
const calls = (...list: unknown[]) => ({ role: 'assistant', content: null, tool_calls: list });
const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'r' });

/** A raw line after a good chat record. */
function line(
  name: string,
  text: string | Uint8Array,
  expected: Expected,
  codes: string[] = [],
  becomes?: string,
): Row {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const good = new TextEncoder().encode(GOOD);
  const both = new Uint8Array([...good, ...bytes, 0x0a]);
  return { name, batch: lines(both), expect: expected, codes, becomes };
}

/** Messages after a good chat record. */
function chat(name: string, messages: unknown, expected: Expected, codes: string[] = [], rest: object = {}): Row {
  return line(name, JSON.stringify({ messages, ...rest }), expected, codes);
}

function records(name: string, good: object, record: object, expected: Expected, codes: string[] = []): Row {
  return { name, batch: jsonl(good, record), expect: expected, codes };
}

const withText = (json: string) =>
  `{"messages":[{"role":"user","content":${json}},{"role":"assistant","content":"a"}]}`;
const withField = (json: string) =>
  `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"x":${json}}`;
const bytesAround = (...raw: number[]) => {
  const encoder = new TextEncoder();
  const [before, after] = withText('"#"').split('#');
  return new Uint8Array([...encoder.encode(before), ...raw, ...encoder.encode(after)]);
};
const pair = (chosen: unknown, rejected: unknown) => ({ prompt: 'p', chosen, rejected });
const GOOD_PAIR = pair('yes', 'no');
const implicit = (chosen: unknown, rejected: unknown) => ({ chosen, rejected });
const GOOD_IMPLICIT = implicit([user, answer], [user, { role: 'assistant', content: 'b' }]);
const GOOD_VERDICT = { prompt: 'p', completion: 'c', label: true };
const GOOD_STEPS = { prompt: 'p', completions: ['a', 'b'], labels: [true, false] };
const GOOD_TASK = { instruction: 'i', output: 'o' };

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

const MESSAGE_ROWS: Row[] = [
  chat('T68 optional keys', [user, answer], 'accept', [], { id: 1, metadata: {} }),
  chat('T69 null tools', [user, answer], 'accept', [], { tools: null }),
  chat(
    'T70 text and image parts',
    [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'q' },
          { type: 'image_url', image_url: { url: 'https://x/y.png' } },
        ],
      },
      answer,
    ],
    'accept',
    ['T_PARTS', 'W_IMAGE_REMOTE'],
  ),
  chat(
    'several text parts',
    [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      answer,
    ],
    'accept',
    ['W_PARTS_JOINED'],
  ),
  chat('T71 []', [], 'reject', ['E_EMPTY_MESSAGES']),
  chat('T71 null', null, 'reject', ['E_FIELD_TYPE']),
  chat('T71 object', {}, 'reject', ['E_FIELD_TYPE']),
  chat('T71 JSON in a string', JSON.stringify([user, answer]), 'accept', ['W_CELL_JSON']),
  chat('T72 no role', [{ content: 'q' }, answer], 'reject'),
  chat('T72 role null', [{ role: null, content: 'q' }, answer], 'reject', ['E_FIELD_TYPE']),
  chat('T72 role number', [{ role: 1, content: 'q' }, answer], 'reject', ['E_FIELD_TYPE']),
  chat('T72 role with spaces', [{ role: ' user ', content: 'q' }, answer], 'accept', ['W_ROLE_TRIMMED']),
  chat('T72 upper case', [{ role: 'USER', content: 'q' }, answer], 'accept', ['I_ROLE_ALIAS']),
  chat('unknown role', [{ role: 'narrator', content: 'q' }, answer], 'reject', ['E_ROLE_UNKNOWN']),
  chat('T73 null beside calls', [user, calls(call('1')), result('1'), answer], 'accept'),
  chat('T73 "" beside calls', [user, { ...calls(call('1')), content: '' }], 'accept'),
  chat('T73 absent beside calls', [user, { role: 'assistant', tool_calls: [call('1')] }], 'accept'),
  chat('content absent', [user, { role: 'assistant' }], 'reject', ['E_CONTENT_MISSING']),
  ...[1, true, {}].map((content) =>
    chat(`T74 content ${JSON.stringify(content)}`, [user, { role: 'assistant', content }], 'reject', ['E_FIELD_TYPE']),
  ),
  chat('T75 empty', [user, { role: 'assistant', content: '' }], 'reject', ['E_CONTENT_EMPTY']),
  chat('T75 white space', [user, { role: 'assistant', content: ' \n\t' }], 'reject', ['E_CONTENT_EMPTY']),
  chat('T75 zero width', [user, { role: 'assistant', content: '\u200b' }], 'accept', ['W_CONTENT_INVISIBLE']),
  chat('space around the answer', [user, { role: 'assistant', content: 'a\n' }], 'accept', ['W_CONTENT_WHITESPACE']),
  chat('empty question', [{ role: 'user', content: '' }, answer], 'accept', ['W_CONTENT_EMPTY']),
  chat('T76 ends with user', [user, answer, user], 'reject', ['E_LAST_NOT_ASSISTANT']),
  chat('T76 ends with tool', [user, calls(call('1')), result('1')], 'reject', ['E_LAST_NOT_ASSISTANT']),
  chat('T76 ends with calls', [user, calls(call('1'))], 'accept'),
  chat(
    'T77 system twice',
    [{ role: 'system', content: 's' }, { role: 'system', content: 's' }, user, answer],
    'accept',
    ['W_MULTI_SYSTEM'],
  ),
  chat('T77 system last', [user, answer, { role: 'system', content: 's' }], 'accept', ['W_SYSTEM_NOT_FIRST']),
  chat('T77 system only', [{ role: 'system', content: 's' }], 'reject', ['E_NO_ASSISTANT']),
  chat('T78 user, user', [user, user, answer], 'accept', ['W_ROLE_REPEAT']),
  chat('T78 assistant, assistant', [user, answer, answer], 'accept', ['W_ROLE_REPEAT']),
  chat('begins with the assistant', [answer, user, answer], 'accept', ['W_FIRST_NOT_USER']),
  ...[0.5, '1', true, -1].map((weight) =>
    chat(`T79 weight ${JSON.stringify(weight)}`, [user, { ...answer, weight }], 'reject', ['E_WEIGHT']),
  ),
  line(
    'T79 weight 1.0',
    '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":1.0}]}',
    'reject',
    ['E_WEIGHT'],
  ),
  chat('T79 weight null', [user, { ...answer, weight: null }], 'accept'),
  chat('T79 weight on user', [{ ...user, weight: 1 }, answer], 'accept', ['W_WEIGHT_IGNORED']),
  chat('T80 all weights 0', [user, { ...answer, weight: 0 }], 'accept', ['W_ALL_WEIGHT_ZERO']),
  chat('T93 control tokens', [{ role: 'user', content: 'a<|im_start|>b' }, answer], 'accept', ['W_SPECIAL_TOKENS']),
  line('control tokens behind escapes', withText('"a\\u003c/s\\u003eb"'), 'accept', ['W_SPECIAL_TOKENS']),
  chat('a placeholder', [{ role: 'user', content: 'Hi {{name}}' }, answer], 'accept', ['W_PLACEHOLDER']),
];

const TOOL_ROWS: Row[] = [
  chat('T81 object', [user, calls(call('1', { a: 1 }))], 'accept', ['W_TOOLCALL_ARGS_OBJECT']),
  chat('T81 ""', [user, calls(call('1', ''))], 'reject', ['E_TOOLCALL_ARGS_NOT_JSON']),
  chat('T81 {}', [user, calls(call('1', '{}'))], 'accept'),
  chat('T81 not JSON', [user, calls(call('1', 'a=1'))], 'reject', ['E_TOOLCALL_ARGS_NOT_JSON']),
  chat('T81 array', [user, calls(call('1', '[1]'))], 'reject', ['E_TOOLCALL_ARGS_NOT_JSON']),
  chat('T81 doubly encoded', [user, calls(call('1', JSON.stringify('{"a":1}')))], 'accept', ['W_ARGS_DOUBLE_ENCODED']),
  chat('T81 trailing text', [user, calls(call('1', '{} x'))], 'reject', ['E_TOOLCALL_ARGS_NOT_JSON']),
  chat('T82 results in another order', [user, calls(call('1'), call('2')), result('2'), result('1'), answer], 'accept'),
  chat('T82 one id twice', [user, calls(call('1'), call('1')), result('1'), answer], 'reject', ['E_TOOL_ID_DUP']),
  chat('T82 answered twice', [user, calls(call('1')), result('1'), result('1'), answer], 'reject', ['E_TOOL_ID_DUP']),
  chat('T83 result before any call', [user, result('1'), answer], 'reject', ['E_TOOL_ID_UNKNOWN']),
  chat('T83 without id, one pending', [user, calls(call('1')), { role: 'tool', content: 'r' }, answer], 'accept', [
    'W_TOOL_ID_INFERRED',
  ]),
  chat(
    'without id, two pending',
    [user, calls(call('1'), call('2')), { role: 'tool', content: 'r' }, answer],
    'reject',
    ['E_TOOL_ID_MISSING'],
  ),
  chat('unanswered', [user, calls(call('1')), user, answer], 'accept', ['W_TOOL_UNANSWERED']),
  chat('T84 tools as JSON', [user, answer], 'accept', [], { tools: '[]' }),
  chat('T84 tools as object', [user, answer], 'reject', ['E_TOOLS_JSON'], { tools: {} }),
  chat('T84 tools ""', [user, answer], 'accept', [], { tools: '' }),
  chat('T84 broken tools', [user, answer], 'reject', ['E_TOOLS_JSON'], { tools: '[{' }),
  chat('T84 functions', [user, answer], 'accept', ['I_TOOL_WRAPPED'], { functions: [{ name: 'f' }] }),
  chat('T84 type dict', [user, answer], 'accept', ['W_TOOLS_SCHEMA'], {
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'dict' } } }],
  }),
  chat('a call that is not declared', [user, calls(call('1'))], 'accept', ['W_TOOL_NOT_DECLARED'], {
    tools: [{ type: 'function', function: { name: 'g' } }],
  }),
];

const PAIR_ROWS: Row[] = [
  records('T85 equal', GOOD_PAIR, pair('a', 'a'), 'reject', ['E_PREF_EQUAL']),
  records('T85 white space', GOOD_PAIR, pair('a b', 'a  b'), 'accept', ['W_PREF_SPACE']),
  records('T85 chosen empty', GOOD_PAIR, pair('', 'a'), 'reject', ['E_PREF_EMPTY']),
  records('T86 differ at the end', GOOD_IMPLICIT, GOOD_IMPLICIT, 'accept'),
  records(
    'T86 nothing shared',
    GOOD_IMPLICIT,
    implicit([user, answer], [{ role: 'user', content: 'x' }, answer]),
    'reject',
    ['E_PREF_PROMPT_MISMATCH'],
  ),
  records('T86 one begins the other', GOOD_IMPLICIT, implicit([user, answer], [user, answer, user]), 'reject', [
    'E_PREF_PROMPT_MISMATCH',
  ]),
  records('T87 mixed styles', GOOD_PAIR, pair('a', [answer]), 'reject', ['E_PREF_STYLE']),
  ...['true', 1, null, 'good'].map((label) =>
    records(`T88 label ${JSON.stringify(label)}`, GOOD_VERDICT, { ...GOOD_VERDICT, label }, 'reject', [
      'E_LABEL_NOT_BOOL',
    ]),
  ),
  records('T89 too many labels', GOOD_STEPS, { ...GOOD_STEPS, labels: [true, true, true] }, 'reject', [
    'E_STEP_LENGTH',
  ]),
  records('T89 labels as numbers', GOOD_STEPS, { ...GOOD_STEPS, labels: [1, 0] }, 'reject', ['E_STEP_LABEL']),
  records('T95 input null', GOOD_TASK, { ...GOOD_TASK, input: null }, 'accept'),
  records('T95 input blank', GOOD_TASK, { ...GOOD_TASK, input: '  ' }, 'accept'),
  records('T95 input list', GOOD_TASK, { ...GOOD_TASK, input: ['x'] }, 'reject', ['E_FIELD_TYPE']),
  records('T96 history of one', GOOD_TASK, { ...GOOD_TASK, history: [['q']] }, 'reject', ['E_FIELD_TYPE']),
  records('T96 history null', GOOD_TASK, { ...GOOD_TASK, history: null }, 'accept'),
  records('T96 history repr', GOOD_TASK, { ...GOOD_TASK, history: "[['q','a']]" }, 'reject', ['E_FIELD_TYPE']),
  records(
    'T97 no instances',
    { instruction: 'i', instances: [{ input: '', output: 'o' }] },
    { instruction: 'i', instances: [] },
    'reject',
    ['E_FIELD_MISSING'],
  ),
];

const image = (url: unknown) => [{ role: 'user', content: [{ type: 'image_url', image_url: url }] }, answer];
const withImages = (text: string, images: unknown) => ({ messages: [{ role: 'user', content: text }, answer], images });
const MEDIA_ROWS: Row[] = [
  records(
    'T90 one token, two images',
    { messages: [user, answer] },
    withImages('<image>', ['a.png', 'b.png']),
    'reject',
    ['E_MEDIA_COUNT'],
  ),
  records('T90 images null', { messages: [user, answer] }, withImages('q', null), 'accept'),
  records('T90 images string', { messages: [user, answer] }, withImages('<image>', 'a.png'), 'accept', [
    'W_IMAGE_LOCAL_PATH',
  ]),
  records('no token', { messages: [user, answer] }, withImages('q', ['a.png']), 'accept', ['W_MEDIA_NO_TOKEN']),
  chat('T91 media type', image({ url: 'data:image/svg+xml;base64,AAAA' }), 'reject', ['E_MEDIA_TYPE']),
  chat('T91 bad base64', image({ url: 'data:image/png;base64,A!' }), 'reject', ['E_MEDIA_TYPE']),
  chat('T91 good base64', image({ url: 'data:image/png;base64,AAAA' }), 'accept'),
  chat('T92 string', image('https://x/y.png'), 'accept', ['W_IMAGE_STRING']),
  chat('T92 file:', image({ url: 'file:///etc/passwd' }), 'reject', ['E_MEDIA_TYPE']),
  chat('T92 ../', image({ url: '../x.png' }), 'reject', ['E_MEDIA_TYPE']),
  chat('T92 javascript:', image({ url: 'javascript:alert(1)' }), 'reject', ['E_MEDIA_TYPE']),
  chat('T92 internal address', image({ url: 'http://169.254.169.254/' }), 'accept', ['W_IMAGE_REMOTE']),
  chat(
    'an image from the assistant',
    [user, { role: 'assistant', content: [{ type: 'image_url', image_url: { url: 'https://x/y.png' } }] }],
    'reject',
    ['E_MEDIA_ROLE'],
  ),
];

function judge(row: Row): void {
  const run = runCore(row.batch, row.options);
  const errors = run.findings.filter(({ severity }) => severity === 'error' || severity === 'fatal');
  if (row.expect === 'accept') expect(errors).toEqual([]);
  else expect(errors.length).toBeGreaterThan(0);
  for (const code of row.codes ?? []) expect(Object.keys(run.counts)).toContain(code);
  if (row.becomes !== undefined) expect(run.text.trimEnd().split('\n').at(-1)).toBe(row.becomes);
  for (const error of errors)
    expect(error).toMatchObject({ line: expect.any(Number), message: expect.stringMatching(/\S/) });
}

describe.each([
  ['JSON', JSON_ROWS],
  ['files', FILE_ROWS],
  ['messages', MESSAGE_ROWS],
  ['tool calls', TOOL_ROWS],
  ['pairs and labels', PAIR_ROWS],
  ['media', MEDIA_ROWS],
] as const)('tricky inputs: %s', (_, table) => {
  test.each(table.map((row) => [row.name, row] as const))('%s', (_name, row) => judge(row));
});

test('T97 three instances become three records', () => {
  const instances = ['a', 'b', 'c'].map((output) => ({ input: '', output }));
  expect(runCore(jsonl({ instruction: 'i', instances }))).toMatchObject({ written: 3, sourceRecords: 1 });
});

test('a record that would expand beyond measure is refused, and nothing of it is written', () => {
  const instances = Array.from({ length: 500 }, () => ({ input: '', output: 'o' }));
  const run = runCore(jsonl({ instruction: 'i'.repeat(2000), instances }), { maxRecordBytes: 100_000 });
  expect(run).toMatchObject({ written: 0, rejected: 1, counts: { E_RECORD_TOO_LARGE: 1 } });
});

test('a record of several is taken whole or not at all', () => {
  const instances = [{ output: 'a' }, { output: '' }];
  expect(runCore(jsonl({ instruction: 'i', instances }))).toMatchObject({ written: 0, rejected: 1 });
});

test('a great many calls and results are matched without comparing each with each', () => {
  const ids = Array.from({ length: 60_000 }, (_, i) => `c${i}`);
  const run = runCore(jsonl({ messages: [user, calls(...ids.map((id) => call(id))), ...ids.map(result), answer] }));
  expect(run).toMatchObject({ written: 1, rejected: 0 });
});

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
