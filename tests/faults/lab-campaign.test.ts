/**
 * Seeded runs of one process over two stores that fail, killed between any two steps: FAULT_SEED, FAULT_SECONDS.
 * `npm run faults` runs them for as long as you like.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { removeAllRows } from '@/tests/support/empty-database.ts';
import { startTestPostgres, type TestDatabases } from '@/tests/support/postgres.ts';
import { STORE_FAULTS } from './campaign/faulty-store.ts';
import { labPlan, labRun, REQUESTS } from './campaign/lab-run.ts';

const SEED = Number(process.env.FAULT_SEED ?? 1);
const SECONDS = Number(process.env.FAULT_SECONDS ?? 12);
/** On a machine that is slow or busy fewer runs fit into the time; so many are made in any case. */
const AT_LEAST = 10;

let cluster: TestDatabases;
let database: DatabaseHandle;

beforeAll(async () => {
  cluster = await startTestPostgres();
  database = await openDatabase({ url: await cluster.createDatabase() });
});
afterAll(async () => {
  await database.close();
  await cluster.stop();
});

test(`every promise holds after faults and kills (from seed ${SEED})`, {
  timeout: 300_000 + SECONDS * 2000,
}, async () => {
  const until = Date.now() + SECONDS * 1000;
  for (let run = 0; run < AT_LEAST || Date.now() < until; run += 1) {
    await removeAllRows(database.db);
    await labRun(database.db, labPlan(SEED + run));
  }
});

test('the plans of a thousand seeds hold every request, every fault at each store, and kills', () => {
  const plans = Array.from({ length: 1000 }, (_, index) => labPlan(SEED + index));
  expect(new Set(plans.flatMap(({ requests }) => requests))).toEqual(new Set(REQUESTS));
  const pairs = new Set(plans.flatMap(({ scripts }) => scripts.map(({ store, fault }) => `${store} ${fault}`)));
  expect(pairs.size).toBe(2 * STORE_FAULTS.length);
  expect(plans.filter(({ killAfter }) => killAfter !== undefined).length).toBeGreaterThan(300);
  expect(labPlan(SEED)).toEqual(labPlan(SEED));
});
