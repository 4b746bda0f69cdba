import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { allSame, printVerified, summaryLine, summaryOf, type VerifiedDataset } from './verify-report.ts';

const copy = (mark: '=' | '-' | '*' | '!', message: string | null = null) => ({
  ...{ provider: 's3' as const, bucket: 'b', key: 'k', mark, message },
});

const RESULTS: VerifiedDataset[] = [
  { dataset_id: 'd1', replicas: [copy('='), copy('-', 'The object is not there.')] },
  { dataset_id: 'd2', replicas: [copy('*', 'It differs.'), copy('!', 'The store could not be read.')] },
  { dataset_id: 'd3', replicas: [], error: { code: 'dataset_uploading', message: 'It is still being stored.' } },
];

test('one line a copy with its mark, and one for a dataset that could not be verified', () => {
  const stdout = new PassThrough();
  for (const result of RESULTS) printVerified({ stdout, stderr: stdout, json: false, color: false }, result);
  expect(String(stdout.read()).split('\n')).toEqual([
    '= d1  s3  b/k',
    '- d1  s3  b/k  The object is not there.',
    '* d2  s3  b/k  It differs.',
    '! d2  s3  b/k  The store could not be read.',
    '! d3  It is still being stored.',
    '',
  ]);
});

test('the summary counts every outcome, and anything but same is no success', () => {
  const summary = summaryOf(RESULTS);
  expect(summary).toEqual({ datasets: 3, copies: 4, same: 1, missing: 1, differing: 1, errors: 2 });
  expect(summaryLine(summary)).toBe('4 copies of 3 datasets: 1 same, 1 missing, 1 different, 2 errors');
  expect(allSame(summary)).toBe(false);
  expect(allSame(summaryOf([{ dataset_id: 'd', replicas: [copy('=')] }]))).toBe(true);
});
