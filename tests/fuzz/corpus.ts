import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { zipOf } from '@/tests/support/zip.ts';

/** A valid file to begin with. */
export interface Seed {
  name: string;
  bytes: Buffer;
}

const user = { role: 'user', content: 'What is 2+2? "é" 😀\n\tline' };
const assistant = { role: 'assistant', content: '4 \\ <b>–</b> \u2028 {x}' };
const tool = { type: 'function', function: { name: 'add', parameters: { type: 'object', properties: {} } } };
const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a": 2}' } };
const image = { type: 'image_url', image_url: { url: 'https://example.org/a.png' } };

/** One or more records of each format, as its users write them. */
const RECORDS: Readonly<Record<string, readonly unknown[]>> = {
  messages: [
    { messages: [{ role: 'system', content: 's' }, user, assistant] },
    { messages: [user, { ...assistant, weight: 1 }, user, assistant], n: 1.5e3 },
  ],
  tools: [
    {
      messages: [
        user,
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: '4' },
        assistant,
      ],
      tools: [tool],
    },
  ],
  parts: [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'see' }, image] }, assistant] }],
  bare_messages: [
    [user, assistant],
    [user, assistant, user, assistant],
  ],
  sharegpt: [
    {
      conversations: [
        { from: 'human', value: 'a' },
        { from: 'gpt', value: 'b' },
      ],
      system: 's',
      tools: '[]',
    },
  ],
  swift_pairs: [{ conversation: [{ human: 'a', assistant: 'b' }] }],
  gemini: [
    {
      contents: [
        { role: 'user', parts: [{ text: 'a' }] },
        { role: 'model', parts: [{ text: 'b' }] },
      ],
    },
  ],
  bedrock: [
    {
      schemaVersion: 'bedrock-conversation-2024',
      messages: [
        { role: 'user', content: [{ text: 'a' }] },
        { role: 'assistant', content: [{ text: 'b' }] },
      ],
    },
  ],
  openai_preference: [
    {
      input: { messages: [user] },
      preferred_output: [assistant],
      non_preferred_output: [{ role: 'assistant', content: '5' }],
    },
  ],
  preference: [
    { prompt: 'p', chosen: 'a', rejected: 'b' },
    { chosen: [user, assistant], rejected: [user, { role: 'assistant', content: 'no' }] },
  ],
  ranked: [
    {
      prompt: 'p',
      answers: [
        { answer: 'a', rank: 0 },
        { answer: 'b', rank: 1 },
      ],
    },
  ],
  kto: [
    { prompt: 'p', completion: 'c', label: true },
    { prompt: 'q', completion: 'd', label: false },
  ],
  alpaca: [
    { instruction: 'i', input: 'x', output: 'o' },
    { instruction: 'i2', input: '', output: 'o2', history: [['a', 'b']] },
  ],
  qa: [{ question: 'q', answer: 'a', context: 'c' }],
  xlam: [{ query: 'q', tools: JSON.stringify([tool]), answers: '[{"name":"add","arguments":{"a":1}}]' }],
  glaive: [{ system: 's', chat: 'USER: a\n\n\nASSISTANT: b <|endoftext|>' }],
  prompt_completion: [{ prompt: 'p', completion: 'c' }],
  prompt_only: [{ prompt: 'p', solution: '42' }],
  stepwise: [{ prompt: 'p', completions: ['a', 'b'], labels: [true, false] }],
  scored: [{ prompt: 'p', response: 'r', reward: 0.5 }],
  classification: [
    { text: 't', label: 1 },
    { text: 'u', label: 0 },
  ],
  tokenized: [{ input_ids: [1, 2, 3], attention_mask: [1, 1, 1], labels: [-100, 2, 3] }],
  segments: [
    {
      segments: [
        { label: true, text: 'a' },
        { label: false, text: 'b' },
      ],
    },
  ],
  self_instruct: [{ instruction: 'i', instances: [{ input: 'x', output: 'y' }] }],
  text: [{ text: 'one' }, { text: 'two\u0000' }],
};

const jsonl = (records: readonly unknown[]) => `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;

function ofRecords([format, records]: [string, readonly unknown[]]): Seed[] {
  const many = Array.from({ length: 6 }, () => records).flat();
  const lines = Buffer.from(jsonl(many));
  return [
    { name: `${format}.jsonl`, bytes: lines },
    { name: `${format}.json`, bytes: Buffer.from(JSON.stringify(many, null, 1)) },
    { name: `${format}.jsonl.gz`, bytes: gzipSync(lines) },
  ];
}

const csv = 'instruction,input,output\r\n"a ""b""",,c\r\nd,"e\nf",g\r\n';
const someLines = Buffer.from(jsonl(RECORDS.alpaca ?? []));
const column = { name: 'text', data: ['one', 'two', 'three'], type: 'STRING' as const };

/** Valid files of every format and container. */
export function corpus(): Seed[] {
  return [
    ...Object.entries(RECORDS).flatMap(ofRecords),
    { name: 'pretty.json', bytes: Buffer.from(JSON.stringify(RECORDS.sharegpt?.[0], null, 2).repeat(3)) },
    { name: 'wrapper.json', bytes: Buffer.from(JSON.stringify({ version: 1, data: RECORDS.messages })) },
    { name: 'crlf.jsonl', bytes: Buffer.from(`\ufeff${jsonl(RECORDS.qa ?? []).replaceAll('\n', '\r\n\r\n')}`) },
    { name: 'table.csv', bytes: Buffer.from(csv.repeat(3)) },
    { name: 'table.tsv', bytes: Buffer.from('prompt\tcompletion\na\tb\nc\td\n') },
    { name: 'notes.txt', bytes: Buffer.from('one\n\ntwo\nthree\r\n \nfour') },
    { name: 'members.jsonl.gz', bytes: Buffer.concat([gzipSync(someLines), gzipSync(someLines), Buffer.alloc(4)]) },
    { name: 'archive.zip', bytes: zipOf({ name: 'a.jsonl', content: someLines }) },
    { name: 'stored.zip', bytes: zipOf({ name: 'a.jsonl', content: someLines, stored: true }) },
    { name: 'rows.parquet', bytes: Buffer.from(new Uint8Array(parquetWriteBuffer({ columnData: [column] }))) },
    { name: 'raw.jsonl.zst', bytes: rawZstd(someLines) },
  ];
}

/** A zstd frame of one block that is stored as it is: a single segment with its size in four bytes. */
function rawZstd(content: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(content.byteLength, 5);
  head.writeUIntLE((content.byteLength << 3) | 1, 9, 3);
  return Buffer.concat([head, content]);
}
