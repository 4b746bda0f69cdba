import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from './backend-messages.ts';
import { ensureCluster } from './cluster-folder.ts';
import { Engine } from './engine.ts';
import { Maintenance } from './maintenance.ts';

let dataDir: string;
let engine: Engine;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-maintenance-'));
  engine = await Engine.start({
    folder: await ensureCluster(dataDir),
    onLog: () => undefined,
    onPanic: (what) => expect.fail(what),
  });
});
afterAll(async () => {
  await engine.close();
  await rm(dataDir, { recursive: true });
});

/** Until there is nothing left to do. */
async function runAll(maintenance: Maintenance): Promise<string[]> {
  const done = await maintenance.run();
  return done.length === 0 ? [] : [...done, ...(await runAll(maintenance))];
}

test('vacuums what was changed much, checkpoints what would take long to recover, and then has nothing to do', async () => {
  const maintenance = new Maintenance(engine);
  await runAll(maintenance);
  await engine.execute("create table busy as select i, repeat('x', 500) as text from generate_series(1, 30000) i");
  await engine.execute('update busy set i = i + 1');
  expect(await runAll(maintenance)).toEqual(expect.arrayContaining(['vacuum (analyze) public.busy', 'checkpoint']));
  const [table] = await engine.query("select n_dead_tup::int as dead from pg_stat_user_tables where relname = 'busy'");
  expect(table).toEqual({ dead: 0 });
  expect(await maintenance.run()).toEqual([]);
});

test('a little change is written out after a while', async () => {
  await engine.execute('checkpoint');
  let now = 0;
  const maintenance = new Maintenance(engine, () => now);
  await engine.execute("create table small as select i, repeat('x', 500) as text from generate_series(1, 400) i");
  expect(await runAll(maintenance)).not.toContain('checkpoint');
  now += 3_600_000;
  expect(await maintenance.run()).toEqual(['checkpoint']);
  now += 3_600_000;
  expect(await maintenance.run()).toEqual([]);
});

test("never inside a client's transaction", async () => {
  await engine.execute('update busy set i = i + 1');
  await engine.run(query('begin'));
  expect(await new Maintenance(engine).run()).toEqual([]);
  await engine.run(query('rollback'));
});
