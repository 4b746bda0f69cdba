import { describe, expect, test } from 'vitest';
import { runCore } from '@/tests/support/core-run.ts';
import { jsonl } from '@/tests/support/record-batches.ts';
import { answer, judgeRows, type Row, records, user } from '@/tests/support/tricky-rows.ts';

const pair = (chosen: unknown, rejected: unknown) => ({ prompt: 'p', chosen, rejected });
const GOOD_PAIR = pair('yes', 'no');
const implicit = (chosen: unknown, rejected: unknown) => ({ chosen, rejected });
const GOOD_IMPLICIT = implicit([user, answer], [user, { role: 'assistant', content: 'b' }]);
const GOOD_VERDICT = { prompt: 'p', completion: 'c', label: true };
const GOOD_STEPS = { prompt: 'p', completions: ['a', 'b'], labels: [true, false] };
const GOOD_TASK = { instruction: 'i', output: 'o' };

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

describe('tricky pairs, labels and tasks', () => judgeRows(PAIR_ROWS));

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
