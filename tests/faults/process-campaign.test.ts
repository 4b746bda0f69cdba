/**
 * Real servers, one on the embedded database and two on one Postgres, over sandbox stores that fail, killed with -9:
 * FAULT_SEED, FAULT_ROUNDS. `npm run faults` runs them for as long as you like.
 */
import { expect, test } from 'vitest';
import { processPlan, WORLDS } from './campaign/process-plan.ts';
import { processRun } from './campaign/process-run.ts';

const SEED = Number(process.env.FAULT_SEED ?? 2);
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 2);

for (const [offset] of WORLDS.entries()) {
  const plan = processPlan(SEED + offset, ROUNDS);
  test(`seed ${plan.seed}: ${plan.world}`, { timeout: 600_000 }, async () => {
    const { answered } = await processRun(plan);
    expect(answered).toBeGreaterThan(0);
  });
}
