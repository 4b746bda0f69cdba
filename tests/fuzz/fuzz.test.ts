import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkSource } from '@/lib/ingest/ingest.ts';
import { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import { inChunks } from '@/tests/support/chunks.ts';
import { corpus } from './corpus.ts';
import { fuzzCase } from './fuzz-case.ts';
import { documentedCodes, judge } from './judge.ts';

const CASES = 150;

let pool: IngestPool;
beforeAll(() => {
  pool = new IngestPool({ threads: 2 });
});
afterAll(() => pool.close());

it('starts from files that are accepted', async () => {
  const refused: string[] = [];
  for (const { name, bytes } of corpus()) {
    const format = name.startsWith('ranked') ? 'ranked' : 'auto';
    const { report } = await checkSource(inChunks(bytes, [1000]), { fileName: name, format }, pool);
    if (report.outcome !== 'accepted')
      refused.push(`${name}: ${report.findings[0]?.code} ${report.findings[0]?.message}`);
  }
  expect(refused).toEqual([]);
});

it('keeps every promise over the first cases of a seed, some of which are accepted', async () => {
  const [seeds, codes] = [corpus(), documentedCodes()];
  let accepted = 0;
  for (let number = 0; number < CASES; number++) {
    if (await judge(fuzzCase(seeds, 1, number), pool, codes)) accepted++;
  }
  expect(accepted).toBeGreaterThan(CASES / 20);
  expect(accepted).toBeLessThan(CASES);
}, 120_000);
