/**
 * The fault campaign.
 *
 *   npm run faults -- --seed 1 --minutes 10            both kinds, half of the time each
 *   npm run faults -- --only lab --seed 7 --runs 1     one seeded run in this process, again
 *
 * A failure prints the seed and what happened, and ends with code 1.
 */
import { parseArgs } from 'node:util';
import { openDatabase } from '@/lib/db/database.ts';
import { labPlan, labRun } from '@/tests/faults/campaign/lab-run.ts';
import { processPlan } from '@/tests/faults/campaign/process-plan.ts';
import { processRun } from '@/tests/faults/campaign/process-run.ts';
import { removeAllRows } from '@/tests/support/empty-database.ts';
import { startTestPostgres } from '@/tests/support/postgres.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '2' },
    runs: { type: 'string' },
    /** lab | processes */
    only: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
});

/** Of faults and kills, in each run against real processes. */
const ROUNDS = 4;

const say = (text: string) => process.stdout.write(`${text}\n`);

/** Seed after seed until the time or the number of runs is over. Returns how many failed. */
async function labCampaign(firstSeed: number, limits: { untilMs: number; runs: number }): Promise<number> {
  const cluster = await startTestPostgres();
  const { db, close } = await openDatabase({ url: await cluster.createDatabase() });
  let failures = 0;
  let seed = firstSeed;
  for (; seed < firstSeed + limits.runs && Date.now() < limits.untilMs; seed += 1) {
    await removeAllRows(db);
    try {
      await labRun(db, labPlan(seed));
    } catch (error) {
      failures += 1;
      say(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`);
      if (!values['keep-going']) break;
    }
  }
  say(`lab: ${seed - firstSeed} runs from seed ${firstSeed}, ${failures} failures`);
  await close();
  await cluster.stop();
  return failures;
}

/** Whole installations of real processes, one seed after another. Returns how many failed. */
async function processCampaign(firstSeed: number, limits: { untilMs: number; runs: number }): Promise<number> {
  let failures = 0;
  let seed = firstSeed;
  for (; seed < firstSeed + limits.runs && Date.now() < limits.untilMs; seed += 1) {
    try {
      const { answered, kills } = await processRun(processPlan(seed, ROUNDS));
      say(`seed ${seed}: ${answered} answers, ${kills} kills, every promise holds`);
    } catch (error) {
      failures += 1;
      say(`${error instanceof Error ? error.message : String(error)}\n`);
      if (!values['keep-going']) break;
    }
  }
  say(`processes: ${seed - firstSeed} runs from seed ${firstSeed}, ${failures} failures`);
  return failures;
}

const minutes = Number(values.minutes);
const runs = Number(values.runs ?? Number.POSITIVE_INFINITY);
const seed = Number(values.seed);
const both = values.only === undefined;
const within = (share: number) => ({ untilMs: Date.now() + minutes * share * 60_000, runs });
let failures = 0;
if (both || values.only === 'lab') failures += await labCampaign(seed, within(both ? 0.5 : 1));
if (both || values.only === 'processes') failures += await processCampaign(seed, within(both ? 0.5 : 1));
process.exit(failures === 0 ? 0 : 1);
