import { eq, sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { jobs, users } from '@/lib/db/schema.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { JobClaims } from './claims.ts';
import type { JobContext } from './handler.ts';
import type { ClaimedJob } from './job.ts';
import { PermanentFailure, RunLater } from './outcome.ts';
import { JobQueue } from './queue.ts';
import { JobRunner, type RunnerTiming } from './runner.ts';
import type { Outcome } from './running-job.ts';

/** A promise and what settles it. */
function deferred<T = void>() {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}

/** Resolves when the signal is aborted, with the reason's word. */
function aborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason.reason), { once: true });
  });
}

describeDatabase('the job runner', (database) => {
  const runners: JobRunner[] = [];
  afterEach(async () => {
    await Promise.all(runners.splice(0).map((runner) => runner.stop({ finishMs: 0, graceMs: 0 })));
  });

  type Settled = { id: string; outcome: Outcome };
  const queueOf = () => new JobQueue(database.db);
  const settled: Settled[] = [];
  let waiting: { count: number; resolve: () => void } | undefined;
  /** Resolves when `count` attempts of this test are over. */
  const attempts = (count: number) =>
    new Promise<void>((resolve) => {
      waiting = { count, resolve };
      if (settled.length >= count) resolve();
    });
  afterEach(() => {
    settled.length = 0;
    waiting = undefined;
  });

  function makeRunner(queue: JobQueue, owner = 'one', timing: Partial<RunnerTiming> = {}): JobRunner {
    const runner = new JobRunner({
      queue,
      claims: new JobClaims(database.db),
      owner,
      log: silentLogger(),
      timing: { pollMs: 20, pulseMs: 20, sweepMs: 20, ...timing },
      random: () => 0,
      onSettled: (job, outcome) => {
        settled.push({ id: job.id, outcome });
        if (waiting && settled.length >= waiting.count) waiting.resolve();
      },
    });
    runners.push(runner);
    return runner;
  }
  const row = async (id: string) => (await queueOf().get(id)) ?? expect.fail('no such job');

  test('runs what is enqueued at once, keeps the result, and looks again only when something changed', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue, 'one', { pollMs: 3_600_000 });
    runner.register('sum', async (job) => ({ sum: Number(job.payload.a) + Number(job.payload.b) }));
    runner.start();
    const first = await queue.enqueue({ type: 'sum', payload: { a: 1, b: 2 } });
    await attempts(1);
    const second = await queue.enqueue({ type: 'sum', payload: { a: 3, b: 4 } });
    await attempts(2);
    expect(await row(first.id)).toMatchObject({ state: 'completed', result: { sum: 3 } });
    expect(await row(second.id)).toMatchObject({ state: 'completed', result: { sum: 7 } });
  });

  test('runs as many of a type at a time as was said, and not more', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    let [now, most] = [0, 0];
    const twoRun = deferred();
    runner.register(
      'work',
      async () => {
        now += 1;
        most = Math.max(most, now);
        if (now === 2) twoRun.settle();
        await twoRun.promise;
        await database.db.execute(sql`select 1`);
        now -= 1;
      },
      { concurrency: 2 },
    );
    for (let i = 0; i < 7; i += 1) await queue.enqueue({ type: 'work' });
    runner.start();
    await attempts(7);
    expect(most).toBe(2);
  });

  test('a failing job is tried again until it succeeds, and its error is kept meanwhile', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    const seen: (number | unknown)[] = [];
    runner.register(
      'flaky',
      async (job) => {
        seen.push([job.attempt, (await row(job.id)).error?.message]);
        if (job.attempt < 3) throw new Error(`attempt ${job.attempt}`);
      },
      { backoff: { baseMs: 1 } },
    );
    const { id } = await queue.enqueue({ type: 'flaky' });
    runner.start();
    await attempts(3);
    expect(seen).toEqual([
      [1, undefined],
      [2, 'attempt 1'],
      [3, 'attempt 2'],
    ]);
    expect(await row(id)).toMatchObject({ state: 'completed', error: null });
  });

  test('fails for good after the last attempt, or at once when trying again is useless', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    runner.register('bad', () => Promise.reject(new Error('always')), { maxAttempts: 2, backoff: { baseMs: 1 } });
    runner.register('hopeless', () => Promise.reject(new PermanentFailure(new Error('gone'))));
    const [bad, hopeless] = [await queue.enqueue({ type: 'bad' }), await queue.enqueue({ type: 'hopeless' })];
    runner.start();
    await attempts(3);
    expect(await row(bad.id)).toMatchObject({ state: 'failed', attempts: 2, maxAttempts: 2 });
    expect(await row(hopeless.id)).toMatchObject({ state: 'failed', attempts: 1, error: { message: 'gone' } });
  });

  test('a job can ask to be run later without using up an attempt', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    let calls = 0;
    runner.register('patient', async (job) => {
      calls += 1;
      expect(job.attempt).toBe(1);
      if (calls < 3) throw new RunLater(1, 'not yet');
    });
    const { id } = await queue.enqueue({ type: 'patient', maxAttempts: 1 });
    runner.start();
    await attempts(3);
    expect(await row(id)).toMatchObject({ state: 'completed', attempts: 1 });
  });

  test('progress is seen while the job runs, and by its next attempt', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    const go = deferred();
    const before: unknown[] = [];
    runner.register(
      'long',
      async (job, context) => {
        before.push(job.progress);
        if (job.attempt > 1) return;
        context.progress({ done: 7 });
        await go.promise;
        throw new Error('again');
      },
      { backoff: { baseMs: 1 } },
    );
    const { id } = await queue.enqueue({ type: 'long' });
    runner.start();
    await expect.poll(async () => (await row(id)).progress).toEqual({ done: 7 });
    go.settle();
    await attempts(2);
    expect(before).toEqual([null, { done: 7 }]);
  });

  test('cancelling stops a running job through its signal', async () => {
    const queue = queueOf();
    // Only the announcement of the cancel can bring the news: nothing is due for hours.
    const runner = makeRunner(queue, 'one', { pulseMs: 3_600_000 });
    const [started, stopped] = [deferred(), deferred<string>()];
    runner.register('long', async (_job, { signal }) => {
      started.settle();
      stopped.settle(await aborted(signal));
      throw signal.reason;
    });
    const { id } = await queue.enqueue({ type: 'long' });
    runner.start();
    await started.promise;
    expect(await queue.cancel(id)).toBe('running');
    expect(await stopped.promise).toBe('cancelled');
    await attempts(1);
    expect(await row(id)).toMatchObject({ state: 'cancelled' });
  });

  test('signs of life keep a job that takes longer than its lease', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    const other = new JobClaims(database.db);
    runner.register(
      'long',
      async (job, { signal }) => {
        const first = (await row(job.id)).leaseUntil?.getTime() ?? 0;
        await expect
          .poll(async () => (await row(job.id)).leaseUntil?.getTime() ?? 0, { timeout: 20_000 })
          .toBeGreaterThan(first + 1000);
        expect(await other.takeOverExpired()).toEqual([]);
        return { aborted: signal.aborted };
      },
      { leaseMs: 1000 },
    );
    const { id } = await queue.enqueue({ type: 'long' });
    runner.start();
    await attempts(1);
    expect(await row(id)).toMatchObject({ state: 'completed', result: { aborted: false }, attempts: 1 });
  });

  test('a job that was taken over is stopped, and neither its effect nor its end is written', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue, 'old', { sweepMs: 3_600_000 });
    const started = deferred();
    const reasons: string[] = [];
    const errors: unknown[] = [];
    const work = async (_job: ClaimedJob, context: JobContext) => {
      const reason = aborted(context.signal);
      started.settle();
      reasons.push(await reason);
      const effect = database.db.transaction(async (tx) => {
        await tx.insert(users).values({ id: 'effect', name: 'effect' });
        await context.complete(tx, { by: 'old' });
      });
      await effect.catch((error) => errors.push(error.code));
      await effect;
    };
    runner.register('effect', work, { leaseMs: 2000 });
    const { id } = await queue.enqueue({ type: 'effect' });
    runner.start();
    await started.promise;
    const thief = new JobClaims(database.db);
    // The sign of life of the true owner may come first and renew the lease.
    await expect.poll(async () => (await lapse(id, thief)).length).toBe(1);
    const [stolen] = await thief.claim([{ type: 'effect', limit: 1, leaseMs: 30_000 }], 'new');
    await attempts(1);
    expect([reasons, errors, settled]).toEqual([['lease_lost'], ['lease_lost'], [{ id, outcome: 'lost' }]]);
    expect(await database.db.select().from(users)).toEqual([]);
    expect(await row(id)).toMatchObject({ state: 'running', leaseOwner: 'new', fence: stolen?.fence });
  });

  const lapse = async (id: string, claims: JobClaims) => {
    await database.db.update(jobs).set({ leaseUntil: sql`now() - interval '1 second'` }).where(eq(jobs.id, id));
    return claims.takeOverExpired();
  };

  test('stopping lets a job that heeds its signal go on elsewhere at once', async () => {
    const queue = queueOf();
    const first = makeRunner(queue, 'first');
    const started = deferred();
    first.register('long', async (_job, { signal }) => {
      const reason = aborted(signal);
      started.settle();
      throw new Error(`stopped by ${await reason}`);
    });
    const { id } = await queue.enqueue({ type: 'long', maxAttempts: 1 });
    first.start();
    await started.promise;
    await first.stop({ finishMs: 0 });
    expect(await row(id)).toMatchObject({ state: 'queued', attempts: 0, leaseOwner: null });
    const second = makeRunner(queue, 'second');
    second.register('long', async (job) => ({ attempt: job.attempt }));
    second.start();
    await attempts(2);
    expect(await row(id)).toMatchObject({ state: 'completed', result: { attempt: 1 } });
  });

  test('stopping waits for a job that is nearly done', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    const [started, go] = [deferred(), deferred()];
    runner.register('short', async (_job, { signal }) => {
      started.settle();
      await go.promise;
      return { aborted: signal.aborted };
    });
    const { id } = await queue.enqueue({ type: 'short' });
    runner.start();
    await started.promise;
    const stopped = runner.stop({ finishMs: 20_000 });
    go.settle();
    await stopped;
    expect(await row(id)).toMatchObject({ state: 'completed', result: { aborted: false } });
  });

  test('a handler that does not hear is left behind: its job is free at once and its end counts for nothing', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    const [started, go] = [deferred(), deferred()];
    runner.register('deaf', async () => {
      started.settle();
      await go.promise;
      return 'too late';
    });
    const { id } = await queue.enqueue({ type: 'deaf' });
    runner.start();
    await started.promise;
    await runner.stop({ finishMs: 0, graceMs: 0 });
    expect(await row(id)).toMatchObject({ state: 'queued', attempts: 0 });
    go.settle();
    await attempts(1);
    expect(settled).toEqual([{ id, outcome: 'lost' }]);
    expect(await row(id)).toMatchObject({ state: 'queued', result: null });
  });

  test('an effect and its completion in one transaction; an error after it changes nothing', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    runner.register('effect', async (_job, context) => {
      await database.db.transaction(async (tx) => {
        await context.guard(tx);
        await tx.insert(users).values({ id: 'effect', name: 'effect' });
        await context.complete(tx, { done: true });
      });
      throw new Error('after the end');
    });
    const { id } = await queue.enqueue({ type: 'effect' });
    runner.start();
    await attempts(1);
    expect(settled).toEqual([{ id, outcome: 'completed' }]);
    expect(await row(id)).toMatchObject({ state: 'completed', result: { done: true }, attempts: 1 });
  });

  test('a result that cannot be kept fails the job instead of leaving it to be run again for ever', async () => {
    const queue = queueOf();
    const runner = makeRunner(queue);
    runner.register('odd', async () => ({ text: 'a\u0000b' }), { maxAttempts: 1 });
    const { id } = await queue.enqueue({ type: 'odd' });
    runner.start();
    await attempts(1);
    expect(await row(id)).toMatchObject({ state: 'failed' });
  });
});
