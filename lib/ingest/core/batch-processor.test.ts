import { describe, expect, test } from 'vitest';
import type { RecordBatch } from '@/lib/ingest/core/contract.ts';
import { elements, jsonl, lines } from '@/tests/support/record-batches.ts';
import * as core from './index.ts';

const OPTIONS = { format: 'auto' as const, maxRecordBytes: 32 << 20 };

function run(batch: RecordBatch) {
  const decided = core.decide([batch], OPTIONS);
  if ('findings' in decided) throw new Error(`undecided: ${JSON.stringify(decided.findings)}`);
  const result = core.createBatchProcessor(decided.decision, OPTIONS)(batch);
  return { ...result, text: new TextDecoder().decode(result.content), decision: decided.decision };
}

describe('normalising', () => {
  test('copies a canonical record from its source bytes, without insignificant white space', () => {
    const source =
      '{ "id" : 1.10, "messages": [ {"role":"user","content":"a\\u0041\\/"}, {"role":"assistant","content":"ok"} ] }\r\n';
    expect(run(lines(source)).text).toBe(
      '{"id":1.10,"messages":[{"role":"user","content":"a\\u0041\\/"},{"role":"assistant","content":"ok"}]}\n',
    );
  });

  test('turns alpaca into messages and keeps what it joined', () => {
    const batch = jsonl({ instruction: 'Add', input: '1 2', output: '3', id: 7 });
    expect(run(batch).text).toBe(
      '{"messages":[{"role":"user","content":"Add\\n\\n1 2"},{"role":"assistant","content":"3"}],' +
        '"metadata":{"alpaca":{"instruction":"Add","input":"1 2"},"id":7}}\n',
    );
  });

  test('turns sharegpt into messages with calls that have deterministic ids', () => {
    const source = JSON.stringify([
      {
        conversations: [
          { from: 'human', value: 'weather?' },
          { from: 'function_call', value: '{"name": "w", "arguments": {"city": "Bern"}}' },
          { from: 'observation', value: 'sunny' },
          { from: 'gpt', value: 'Sunny.' },
        ],
      },
    ]);
    expect(run(elements(source)).text).toBe(
      '{"messages":[{"role":"user","content":"weather?"},{"role":"assistant","content":null,"tool_calls":' +
        '[{"id":"call_1_1","type":"function","function":{"name":"w","arguments":"{\\"city\\":\\"Bern\\"}"}}]},' +
        '{"role":"tool","content":"sunny","tool_call_id":"call_1_1"},{"role":"assistant","content":"Sunny."}]}\n',
    );
  });
});

test('names line, column and remedy of a syntax error and goes on with the next line', () => {
  const result = run(lines('\n{"text":"a",}\n{"text":"b"}\n'));
  expect(result.text).toBe('{"text":"b"}\n');
  expect(result.findings.find((finding) => finding.severity === 'error')).toMatchObject({
    code: 'E_JSON_SYNTAX',
    line: 2,
    record: 1,
    message: expect.stringContaining('column 13'),
    hint: 'Remove the comma.',
  });
});
