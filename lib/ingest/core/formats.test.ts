import { describe, expect, test } from 'vitest';
import type { Kind, SourceFormat } from '@/lib/ingest/types.ts';
import { type CoreRun, runCore } from '@/tests/support/core-run.ts';
import { jsonl } from '@/tests/support/record-batches.ts';
import { READERS } from './formats/registry.ts';
import { K, SHAPE_HIGH, SHAPE_LOW } from './keys.ts';

interface Conversion {
  format: SourceFormat;
  kind: Kind;
  source: object;
  becomes: object;
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });
const CALL = { id: 'call_1_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };

/** One record of each source format, and what it must become. */
const CONVERSIONS: Conversion[] = [
  {
    format: 'bare_messages',
    kind: 'messages',
    source: [user('q'), assistant('a')],
    becomes: { messages: [user('q'), assistant('a')] },
  },
  {
    format: 'tokenized',
    kind: 'tokenized',
    source: { input_ids: [1, 2], labels: [-100, 2] },
    becomes: { input_ids: [1, 2], labels: [-100, 2] },
  },
  {
    format: 'openai_preference',
    kind: 'preference',
    source: {
      input: { messages: [user('q')], tools: [], parallel_tool_calls: true },
      preferred_output: [assistant('a')],
      non_preferred_output: [assistant('b')],
    },
    becomes: {
      prompt: [user('q')],
      chosen: [assistant('a')],
      rejected: [assistant('b')],
      parallel_tool_calls: true,
      tools: [],
    },
  },
  {
    format: 'stepwise',
    kind: 'stepwise',
    source: { prompt: 'p', completions: ['a'], labels: [true] },
    becomes: { prompt: 'p', completions: ['a'], labels: [true] },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: { prompt: 'p', chosen: 'a', rejected: 'b', margin: 1.5 },
    becomes: { prompt: 'p', chosen: 'a', rejected: 'b', margin: 1.5 },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: { chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' },
    becomes: { prompt: '\n\nHuman: q\n\nAssistant:', chosen: ' a', rejected: ' b' },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: {
      conversations: [{ from: 'human', value: 'q' }],
      chosen: { from: 'gpt', value: 'a' },
      rejected: { from: 'gpt', value: 'b' },
    },
    becomes: { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: { messages: [user('q'), assistant('a')], rejected_response: 'b' },
    becomes: { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: { prompt: 'q', chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] },
    becomes: { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')], metadata: { prompt: 'q' } },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: { question: 'q', response_j: 'a', response_k: 'b' },
    becomes: { prompt: 'q', chosen: 'a', rejected: 'b' },
  },
  {
    format: 'preference',
    kind: 'preference',
    source: { system: 's', instruction: 'i', input: 'x', chosen: 'a', rejected: 'b' },
    becomes: {
      prompt: 's\n\ni\n\nx',
      chosen: 'a',
      rejected: 'b',
      metadata: { alpaca: { system: 's', instruction: 'i', input: 'x' } },
    },
  },
  {
    format: 'kto',
    kind: 'unpaired',
    source: { prompt: 'p', completion: 'c', label: false },
    becomes: { prompt: 'p', completion: 'c', label: false },
  },
  {
    format: 'kto',
    kind: 'unpaired',
    source: { messages: [user('q'), assistant('a')], kto_tag: true },
    becomes: { prompt: [user('q')], completion: [assistant('a')], label: true },
  },
  {
    format: 'gemini',
    kind: 'messages',
    source: {
      systemInstruction: { parts: [{ text: 's' }] },
      contents: [
        { role: 'user', parts: [{ text: 'q' }] },
        { role: 'model', parts: [{ functionCall: { name: 'f', args: { a: 1 } } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: { b: '"' } } }] },
        { role: 'model', parts: [{ text: 'a' }] },
      ],
      tools: [{ functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT' } }] }],
    },
    becomes: {
      messages: [
        system('s'),
        user('q'),
        { role: 'assistant', content: null, tool_calls: [CALL] },
        { role: 'tool', content: '{"b":"\\""}', tool_call_id: 'call_1_1', name: 'f' },
        assistant('a'),
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'OBJECT' } } }],
    },
  },
  {
    format: 'bedrock_converse',
    kind: 'messages',
    source: {
      schemaVersion: 'bedrock-conversation-2024',
      system: [{ text: 's' }],
      messages: [
        { role: 'user', content: [{ text: 'q' }] },
        {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 't' } } },
            { toolUse: { toolUseId: 'u', name: 'f', input: { a: 1 } } },
          ],
        },
        { role: 'user', content: [{ toolResult: { toolUseId: 'u', content: [{ text: 'r' }] } }] },
        { role: 'assistant', content: [{ text: 'a' }] },
      ],
    },
    becomes: {
      messages: [
        system('s'),
        user('q'),
        { role: 'assistant', content: null, reasoning_content: 't', tool_calls: [{ ...CALL, id: 'u' }] },
        { role: 'tool', content: 'r', tool_call_id: 'u' },
        assistant('a'),
      ],
    },
  },
  {
    format: 'messages',
    kind: 'messages',
    source: {
      system: 's',
      messages: [
        user('q'),
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'x' },
            { type: 'tool_use', id: 'u', name: 'f', input: { a: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'u', content: 'r' },
            { type: 'text', text: 'and?' },
          ],
        },
        assistant('a'),
      ],
      tools: [{ name: 'f', input_schema: { type: 'object' } }],
    },
    becomes: {
      messages: [
        system('s'),
        user('q'),
        { role: 'assistant', content: 'x', tool_calls: [{ ...CALL, id: 'u' }] },
        { role: 'tool', content: 'r', tool_call_id: 'u' },
        user('and?'),
        assistant('a'),
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    },
  },
  {
    format: 'llamafactory_v1',
    kind: 'messages',
    source: {
      messages: [
        { role: 'user', content: [{ type: 'text', value: 'q' }] },
        { role: 'assistant', content: [{ type: 'text', value: 'a' }], loss_weight: 0.0 },
      ],
    },
    becomes: { messages: [user('q'), { ...assistant('a'), weight: 0 }] },
  },
  {
    format: 'sharegpt',
    kind: 'messages',
    source: {
      system: 's',
      conversations: [
        { from: 'human', value: 'q' },
        { from: 'gpt', value: 'a' },
      ],
      id: 3,
    },
    becomes: { messages: [system('s'), user('q'), assistant('a')], metadata: { id: 3 } },
  },
  {
    format: 'swift_pairs',
    kind: 'messages',
    source: { conversation: [{ human: 'q', assistant: 'a' }] },
    becomes: { messages: [user('q'), assistant('a')] },
  },
  {
    format: 'rl_prompt',
    kind: 'prompt_only',
    source: { prompt: 'p', ground_truth: 1 },
    becomes: { prompt: 'p', ground_truth: 1 },
  },
  {
    format: 'prompt_completion',
    kind: 'prompt_completion',
    source: { prompt: 'p', completion: ' c' },
    becomes: { prompt: 'p', completion: ' c' },
  },
  {
    format: 'scored',
    kind: 'scored',
    source: { prompt: 'p', response: 'r', score: 0.5 },
    becomes: { prompt: 'p', response: 'r', reward: 0.5 },
  },
  {
    format: 'prompt_response',
    kind: 'prompt_completion',
    source: { prompt: 'p', response: 'r' },
    becomes: { prompt: 'p', completion: 'r' },
  },
  {
    format: 'self_instruct',
    kind: 'messages',
    source: { instruction: 'i', instances: [{ input: '', output: 'o' }] },
    becomes: { messages: [user('i'), assistant('o')] },
  },
  {
    format: 'alpaca',
    kind: 'messages',
    source: { instruction: 'i', input: 'x', output: 'o', history: [['a', 'b']], metadata: { n: 1 } },
    becomes: {
      messages: [user('a'), assistant('b'), user('i\n\nx'), assistant('o')],
      metadata: { n: 1, alpaca: { instruction: 'i', input: 'x' } },
    },
  },
  {
    format: 'openorca',
    kind: 'messages',
    source: { system_prompt: 's', question: 'q', response: 'a' },
    becomes: { messages: [system('s'), user('q'), assistant('a')] },
  },
  {
    format: 'query_response',
    kind: 'messages',
    source: { query: 'q', response: 'a' },
    becomes: { messages: [user('q'), assistant('a')] },
  },
  {
    format: 'qa',
    kind: 'messages',
    source: { context: 'c', question: 'q', answer: 'a' },
    becomes: { messages: [user('c\n\nq'), assistant('a')], metadata: { qa: { context: 'c', question: 'q' } } },
  },
  {
    format: 'xlam',
    kind: 'messages',
    source: { query: 'q', tools: '[{"name":"f"}]', answers: '[{"name":"f","arguments":{"a":1}}]' },
    becomes: {
      messages: [user('q'), { role: 'assistant', content: null, tool_calls: [CALL] }],
      tools: [{ type: 'function', function: { name: 'f' } }],
    },
  },
  {
    format: 'glaive_raw',
    kind: 'messages',
    source: {
      system: 'SYSTEM: s',
      chat: 'USER: q\n\n\nASSISTANT: <functioncall> {"name": "f", "arguments": \'{"a":1}\'} <|endoftext|>\n\n\nFUNCTION RESPONSE: {"r": 1}\n\n\nASSISTANT: a <|endoftext|>',
    },
    becomes: {
      messages: [
        system('s'),
        user('q'),
        { role: 'assistant', content: null, tool_calls: [CALL] },
        { role: 'tool', content: '{"r": 1}', tool_call_id: 'call_1_1' },
        assistant('a'),
      ],
    },
  },
  {
    format: 'template_free',
    kind: 'segments',
    source: { segments: [{ label: true, text: 'a' }] },
    becomes: { segments: [{ label: true, text: 'a' }] },
  },
  {
    format: 'input_output',
    kind: 'prompt_completion',
    source: { input: 'i', output: 'o' },
    becomes: { prompt: 'i', completion: 'o' },
  },
  {
    format: 'classification',
    kind: 'classification',
    source: { premise: 'a', hypothesis: 'b', label: 1 },
    becomes: { text: 'a', text_pair: 'b', label: 1 },
  },
  { format: 'prompt_only', kind: 'prompt_only', source: { prompt: 'p', extra: 1 }, becomes: { prompt: 'p', extra: 1 } },
  {
    format: 'messages',
    kind: 'prompt_only',
    source: { messages: [user('q')], reference_answer: 'a' },
    becomes: { prompt: [user('q')], reference_answer: 'a' },
  },
  {
    format: 'chatml_text',
    kind: 'text',
    source: { text: '<|im_start|>user\nq<|im_end|>' },
    becomes: { text: '<|im_start|>user\nq<|im_end|>' },
  },
  { format: 'text', kind: 'text', source: { content: 'a', url: 'u' }, becomes: { text: 'a', metadata: { url: 'u' } } },
];

function onlyFormat(run: CoreRun): string | undefined {
  return Object.keys(run.formats)[0];
}

describe('source formats', () => {
  test.each(CONVERSIONS.map((row) => [`${row.format} becomes ${row.kind}`, row] as const))('%s', (_, row) => {
    const run = runCore(jsonl(row.source));
    expect(run.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(run.records).toEqual([row.becomes]);
    expect({ format: onlyFormat(run), kind: run.decision?.kind }).toEqual({ format: row.format, kind: row.kind });
  });

  test.each(CONVERSIONS.map((row) => [`${row.format} as ${row.kind}`, row] as const))(
    '%s is settled after one pass',
    (_, row) => {
      const once = runCore(jsonl(row.source));
      const twice = runCore({ ...jsonl(), bytes: new TextEncoder().encode(once.text) });
      expect(twice.text).toBe(once.text);
      expect(twice.decision?.kind).toBe(row.kind);
    },
  );

  test('every format has a conversion above, but for the one that is converted on request only', () => {
    const covered = new Set(CONVERSIONS.map(({ format }) => format));
    expect(READERS.map(({ format }) => format).filter((format) => !covered.has(format))).toEqual(['ranked']);
  });

  test('rankings become pairs only when the format is chosen', () => {
    const record = {
      prompt: 'p',
      answers: [
        { answer: 'b', rank: 1 },
        { answer: 'a', rank: 0 },
        { answer: 'c', rank: 1 },
      ],
    };
    expect(runCore(jsonl(record)).counts).toMatchObject({ E_FORMAT_OPT_IN: 1 });
    expect(runCore(jsonl(record), { format: 'ranked' }).records).toEqual([
      { prompt: 'p', chosen: 'a', rejected: 'b' },
      { prompt: 'p', chosen: 'a', rejected: 'c' },
    ]);
  });

  test('a chosen format that the file has not is an error that names both', () => {
    const run = runCore(jsonl({ text: 'a' }), { format: 'alpaca' });
    expect(run.findings[0]).toMatchObject({
      code: 'E_FORMAT_MISMATCH',
      message: expect.stringMatching(/alpaca.*text/),
    });
  });

  test.each([
    ['embedding pairs', { query: 'q', positive: 'p' }],
    ['a message tree', { message_tree_id: 'x', prompt: { text: 'a', replies: [] } }],
    ['a benchmark of calls', { question: [[user('q')]], function: [] }],
    ['completions without prompts', { task_id: 1, completion: 'c' }],
    ['turns', { turns: ['a'] }],
  ])('%s stay unrecognised', (_, record) => {
    expect(runCore(jsonl(record)).findings[0]).toMatchObject({
      code: 'E_SCHEMA_UNRECOGNISED',
      hint: expect.any(String),
    });
  });

  test('a structured record keeps a rendering of itself as metadata and says so', () => {
    const run = runCore(jsonl({ messages: [user('q'), assistant('a')], text: 'q a' }));
    expect(run.records).toEqual([{ messages: [user('q'), assistant('a')], metadata: { text: 'q a' } }]);
    expect(run.counts).toMatchObject({ W_REDUNDANT_FIELD: 1 });
  });
});

test('known keys are numbered without gaps, and every key that a format needs has a bit of its own', () => {
  expect(Object.values(K)).toEqual(Object.keys(K).map((_, i) => i + 1));
  const needed = new Set(READERS.flatMap(({ needs }) => (needs ?? []).flat()));
  const bits = [...needed].map((key) => `${SHAPE_LOW[key]}/${SHAPE_HIGH[key]}`);
  expect(bits).not.toContain('0/0');
  expect(new Set(bits).size).toBe(needed.size);
});
