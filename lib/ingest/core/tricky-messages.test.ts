import { describe, expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { jsonl } from '@/tests/support/record-batches.ts';
import {
  answer,
  call,
  calls,
  chat,
  judgeRows,
  line,
  type Row,
  records,
  result,
  user,
  withText,
} from '@/tests/support/tricky-rows.ts';

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

describe('tricky messages', () => judgeRows(MESSAGE_ROWS));
describe('tricky tool calls', () => judgeRows(TOOL_ROWS));
describe('tricky media', () => judgeRows(MEDIA_ROWS));

test('a great many calls and results are matched without comparing each with each', () => {
  const ids = Array.from({ length: 60_000 }, (_, i) => `c${i}`);
  const run = runCore(jsonl({ messages: [user, calls(...ids.map((id) => call(id))), ...ids.map(result), answer] }));
  expect(run).toMatchObject({ written: 1, rejected: 0 });
});
