/** The rehearsal of docs/migration.md in small; `npm run rehearsal` is the large one. REHEARSAL_SEED chooses another course. */
import { expect, test } from 'vitest';
import { rehearse } from '@/tests/support/rehearsal/rehearsal.ts';

const SEED = Number(process.env.REHEARSAL_SEED ?? 1);

test(`a project is adopted and moved through kills and traffic, and nothing is lost (seed ${SEED})`, {
  timeout: 300_000,
}, async () => {
  const result = await rehearse({ seed: SEED, datasets: 60, kills: 5, users: 5, largestBytes: 8e6 });
  expect(result.faults).toEqual([]);
  expect(result).toMatchObject({ kills: 5, uploads: expect.any(Number) });
  expect(result.uploads).toBeGreaterThan(0);
});
