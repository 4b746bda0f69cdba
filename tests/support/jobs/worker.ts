/**
 * One of several processes that run jobs on one PostgreSQL. Writes a line for every attempt that begins and ends. Jobs with
 * `wait` in their payload wait for SIGUSR2 at their first attempt: a long piece of work, that heeds its signal or is `deaf`.
 */
import { once } from 'node:events';
import { sql } from 'drizzle-orm';
import { openDatabase } from '@/lib/db/database.ts';
import { JobClaims } from '@/lib/jobs/claims.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { JobRunner } from '@/lib/jobs/runner.ts';
import { silentLogger } from '@/lib/observability/logger.ts';

const [url = '', owner = ''] = process.argv.slice(2);
const say = (...words: unknown[]) => process.stdout.write(`${words.join(' ')}\n`);
const { db, close } = await openDatabase({ url, poolSize: 4 });
const runner = new JobRunner({
  queue: new JobQueue(db),
  claims: new JobClaims(db),
  owner,
  log: silentLogger(),
  timing: { pollMs: 50, pulseMs: 50, sweepMs: 100 },
  onSettled: (job, outcome) => say('ended', job.payload.n, job.attempt, outcome),
});
runner.register(
  'effect',
  async (job, context) => {
    say('began', job.payload.n, job.attempt);
    const signal = job.payload.wait === 'deaf' ? undefined : context.signal;
    if (job.payload.wait && job.attempt === 1) await once(process, 'SIGUSR2', { signal });
    await db.transaction(async (tx) => {
      await tx.execute(sql`insert into effects (n, owner) values (${job.payload.n}, ${owner})`);
      await context.complete(tx);
    });
  },
  { concurrency: 4, leaseMs: 1500 },
);
runner.start();
say('ready');
await once(process, 'SIGTERM');
await runner.stop();
await close();
