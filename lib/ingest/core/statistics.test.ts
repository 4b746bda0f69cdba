import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { jsonl } from '@/tests/support/record-batches.ts';
import type { Code } from './catalogue.ts';
import { CATALOGUE, entryOf } from './catalogue.ts';
import { datasetFindings } from './dataset-findings.ts';
import { targetVerdicts } from './targets.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });

describe('statistics', () => {
  test('count code points, bytes, turns and roles as defined for the kind', () => {
    const run = runCore(
      jsonl(
        { messages: [system('ä'), user('é😀'), assistant('abc')] },
        { messages: [user('q'), { ...assistant('xy'), weight: 0 }] },
      ),
    );
    expect(run.statistics).toMatchObject({
      total_examples: 2,
      avg_input_length: (1 + 2 + 1 + 2) / 2,
      avg_output_length: 3 / 2,
      avg_input_bytes: (2 + 6 + 1 + 2) / 2,
      avg_user_length: (3 + 1) / 2,
      avg_assistant_length: (3 + 2) / 2,
      turns: { min: 2, max: 3 },
      roles: { system: 1, user: 2, assistant: 2 },
      records_with: { system: 1 },
      trained_share: 3 / 5,
    });
  });

  test('a pair counts the mean of its answers', () => {
    const run = runCore(jsonl({ prompt: 'pp', chosen: 'aaaa', rejected: 'bb' }));
    expect(run.statistics).toMatchObject({ avg_input_length: 2, avg_output_length: 3, chosen_longer_share: 1 });
  });

  test('tokens are the unit of tokenised data', () => {
    const run = runCore(jsonl({ input_ids: [1, 2, 3], labels: [-100, -100, 3] }));
    expect(run.statistics).toMatchObject({ avg_input_length: 2, avg_output_length: 1, estimated_tokens: { value: 3 } });
  });
});

test('targets refuse what they are known to refuse', () => {
  const run = runCore(jsonl({ messages: [user('q'), user('r'), assistant('a')] }));
  const counts = Object.fromEntries(
    Object.entries(run.counts).map(([code, count]) => [code, { severity: 'warning' as const, count }]),
  );
  const verdicts = targetVerdicts(counts, run.statistics ?? null, 'messages');
  const of = (target: string) => verdicts.find((verdict) => verdict.target === target);
  expect(of('axolotl')).toMatchObject({ accepted: true, refuses: [] });
  expect(of('together')).toMatchObject({ accepted: false, refuses: [{ code: 'W_ROLE_REPEAT', count: 1 }] });
  expect(of('openai')).toMatchObject({ accepted: false, refuses: [{ code: 'W_FEW', count: 1 }] });
});

test('verdicts of one class only are told', () => {
  const run = runCore(
    jsonl({ prompt: 'p', completion: 'c', label: true }, { prompt: 'q', completion: 'c', label: true }),
  );
  if (run.statistics === undefined) throw new Error('nothing was counted');
  expect(datasetFindings(run.statistics, 'unpaired')).toMatchObject([
    { code: 'W_ONE_CLASS', message: 'All labels are true.' },
  ]);
});

test('every code that a report may list is explained in docs/formats.md', () => {
  const page = readFileSync(new URL('../../../docs/formats.md', import.meta.url), 'utf8');
  const listed = (Object.keys(CATALOGUE) as Code[]).filter((code) => entryOf(code).targetsOnly !== true);
  expect(listed.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
