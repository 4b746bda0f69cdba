import { expect, test } from 'vitest';
import { workersLine } from './print-run.ts';

test('the objects that may move at a time are told for all processes together', () => {
  const worker = (concurrency: number) => ({ owner: `w${concurrency}`, rate_bytes_per_second: 0, concurrency });
  expect(workersLine([worker(1)])).toBe('one process, at most 1 object at a time');
  expect(workersLine([worker(4), worker(32)])).toBe('2 processes, at most 36 objects at a time');
});
