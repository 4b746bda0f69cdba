import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { startOwnPostgres, type TestPostgres } from '@/tests/support/postgres.ts';

const WORKER = fileURLToPath(new URL('../support/jobs/worker.ts', import.meta.url));

/** A process that runs jobs, and what it said. */
class Worker {
  readonly process: ChildProcess;
  readonly lines: string[] = [];

  constructor(url: string, owner: string) {
    const child = spawn(process.execPath, ['--import', 'tsx', WORKER, url, owner], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.process = child;
    createInterface(child.stdout).on('line', (line) => this.lines.push(line));
  }

  async said(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.lines.some((line) => pattern.test(line)), { timeout: 25_000 }).toBe(true);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }
}

let cluster: TestPostgres;
let handle: DatabaseHandle;
let url: string;
const workers: Worker[] = [];

beforeAll(async () => {
  cluster = await startOwnPostgres();
});
beforeEach(async () => {
  url = await cluster.createDatabase();
  handle = await openDatabase({ url });
  // No constraint keeps an effect from happening twice: only the queue does.
  await handle.db.execute(sql`create table effects (n integer, owner text)`);
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.end('SIGKILL')));
  await handle.close();
});
afterAll(() => cluster.stop());

async function startWorker(owner: string): Promise<Worker> {
  const worker = new Worker(url, owner);
  workers.push(worker);
  await worker.said(/^ready$/);
  return worker;
}
const enqueue = (n: number, extra: object = {}) =>
  new JobQueue(handle.db).enqueue({ type: 'effect', payload: { n, ...extra } });
const effects = async () => {
  const { rows } = await handle.db.execute<{ n: number }>(sql`select n from effects order by n`);
  return rows.map((row) => row.n);
};
const openJobs = async () => (await new JobQueue(handle.db).list({ states: ['queued', 'running'], limit: 500 })).length;
const allDone = () => expect.poll(openJobs, { timeout: 25_000 }).toBe(0);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test('processes share the work, and when one is killed in the middle of it every effect still happens once', async () => {
  const [first, second] = await Promise.all([startWorker('first'), startWorker('second')]);
  await Promise.all(upTo(300).map((n) => enqueue(n)));
  await first?.said(/^ended \d+ 1 completed/);
  await second?.said(/^ended \d+ 1 completed/);
  await first?.end('SIGKILL');
  await Promise.all(upTo(50).map((n) => enqueue(300 + n)));
  await allDone();
  expect(await effects()).toEqual(upTo(350));
}, 60_000);

test('what a killed process was doing is done by another', async () => {
  const first = await startWorker('first');
  await enqueue(1, { wait: true });
  await first.said(/^began 1 1/);
  await first.end('SIGKILL');
  const second = await startWorker('second');
  await second.said(/^ended 1 2 completed/);
  expect(await effects()).toEqual([1]);
}, 60_000);

test('a process that was frozen past its lease wakes up to find its work taken, and has no effect', async () => {
  const first = await startWorker('first');
  await enqueue(1, { wait: 'deaf' });
  await first.said(/^began 1 1/);
  first.process.kill('SIGSTOP');
  const second = await startWorker('second');
  await second.said(/^ended 1 2 completed/);
  first.process.kill('SIGUSR2');
  first.process.kill('SIGCONT');
  await first.said(/^ended 1 1 lost/);
  expect(await effects()).toEqual([1]);
}, 60_000);

test('a process that is asked to stop hands its work over at once', async () => {
  const first = await startWorker('first');
  await enqueue(1, { wait: true });
  await first.said(/^began 1 1/);
  await first.end('SIGTERM');
  const second = await startWorker('second');
  // The same attempt, taken up without waiting for the lease; it waits again.
  await second.said(/^began 1 1/);
  second.process.kill('SIGUSR2');
  await second.said(/^ended 1 1 completed/);
  expect(await effects()).toEqual([1]);
}, 60_000);

test('when the database restarts under it, a process goes on, and what it finished is not done again', async () => {
  const worker = await startWorker('only');
  await Promise.all(upTo(20).map((n) => enqueue(n)));
  await worker.said(/^ended \d+ 1 completed/);
  await cluster.restart();
  await expect
    .poll(
      () =>
        handle.ping().then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true);
  await enqueue(20);
  await allDone();
  expect(await effects()).toEqual(upTo(21));
}, 60_000);
