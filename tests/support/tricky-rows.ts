import { expect, test } from 'vitest';
import type { CoreOptions, RecordBatch } from '@/lib/ingest/core/contract.ts';
import { runCore } from './core-run.ts';
import { jsonl, lines } from './record-batches.ts';

/**
 * The rows of the table of tricky inputs that concern records; files, containers and compression are the frame's. Each
 * row's record stands after a good one of its kind, so that the kind is settled and the row alone is judged.
 */
export type Expected = 'accept' | 'reject';
export interface Row {
  name: string;
  batch: RecordBatch;
  expect: Expected;
  /** Codes that must be found. */
  codes?: string[];
  /** What the last canonical record must be, as text. */
  becomes?: string;
  options?: Partial<CoreOptions>;
}

export const GOOD = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n';
export const user = { role: 'user', content: 'q' };
export const answer = { role: 'assistant', content: 'a' };
export const call = (id: string, args: unknown = '{}') => ({
  id,
  type: 'function',
  function: { name: 'f', arguments: args },
});
export const calls = (...list: unknown[]) => ({ role: 'assistant', content: null, tool_calls: list });
export const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'r' });

/** A raw line after a good chat record. */
export function line(
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
export function chat(
  name: string,
  messages: unknown,
  expected: Expected,
  codes: string[] = [],
  rest: object = {},
): Row {
  return line(name, JSON.stringify({ messages, ...rest }), expected, codes);
}

export function records(name: string, good: object, record: object, expected: Expected, codes: string[] = []): Row {
  return { name, batch: jsonl(good, record), expect: expected, codes };
}

/** A chat whose question is this JSON text. */
export const withText = (json: string) =>
  `{"messages":[{"role":"user","content":${json}},{"role":"assistant","content":"a"}]}`;

/** One test a row. */
export function judgeRows(table: readonly Row[]): void {
  test.each(table.map((row) => [row.name, row] as const))('%s', (_name, row) => judge(row));
}

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
