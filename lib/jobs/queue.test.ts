import { eq, sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { jobs } from '@/lib/db/schema.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { JobClaims } from './claims.ts';
import type { ClaimedJob } from './job.ts';
import { JobQueue } from './queue.ts';

describeDatabase('the job queue', (database) => {
  const queue = () => new JobQueue(database.db);
  const claims = () => new JobClaims(database.db);
  const take = async (owner = 'a', limit = 1): Promise<ClaimedJob[]> =>
    claims().claim([{ type: 'copy', limit, leaseMs: 30_000 }], owner);
  const takeOne = async (owner = 'a'): Promise<ClaimedJob> => {
    const [job] = await take(owner);
    if (!job) throw new Error('nothing to claim');
    return job;
  };
  const enqueue = async (extra: object = {}) => (await queue().enqueue({ type: 'copy', ...extra })).id;
  const row = async (id: string) => {
    const job = await queue().get(id);
    if (!job) throw new Error('no such job');
    return job;
  };
  /** As if the lease's time had passed. */
  const lapse = (id: string) =>
    database.db.update(jobs).set({ leaseUntil: sql`now() - interval '1 second'` }).where(eq(jobs.id, id));
  const pulseOf = ({ id, owner, fence }: ClaimedJob) => ({ id, owner, fence, leaseMs: 30_000 });
  const makeDue = (id: string) => database.db.update(jobs).set({ runAt: sql`now()` }).where(eq(jobs.id, id));

  test('a job is claimed with what it was enqueued with, and once', async () => {
    const id = await enqueue({ payload: { dataset: 'd' }, userId: 'u' });
    const job = await takeOne('a');
    expect(job).toMatchObject({ id, type: 'copy', payload: { dataset: 'd' }, userId: 'u', attempt: 1, owner: 'a' });
    expect(job.createdAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await take('b')).toEqual([]);
    expect(await row(id)).toMatchObject({ state: 'running', leaseOwner: 'a', fence: 1 });
  });

  test('urgent jobs go first, then those that wait longest; each type has its own limit', async () => {
    const late = await enqueue();
    const urgent = await enqueue({ priority: 5 });
    await queue().enqueue({ type: 'other' });
    await queue().enqueue({ type: 'unknown' });
    const limits = [
      { type: 'copy', limit: 5, leaseMs: 1000 },
      { type: 'other', limit: 1, leaseMs: 1000 },
    ];
    expect((await take('a', 1)).map((job) => job.id)).toEqual([urgent]);
    const rest = await claims().claim(limits, 'a');
    expect(new Set(rest.map((job) => job.type))).toEqual(new Set(['copy', 'other']));
    expect(rest.map((job) => job.id)).toContain(late);
  });

  test('a job is not claimed before its time', async () => {
    await enqueue({ delayMs: 3_600_000 });
    expect(await take()).toEqual([]);
  });

  test('those that wait for their time are taken at once when somebody is in a hurry, and no others', async () => {
    const wanted = await enqueue({ dedupeKey: 'copy:1', delayMs: 3_600_000 });
    await enqueue({ dedupeKey: 'copy:2', delayMs: 3_600_000 });
    const shared = queue();
    const heard: string[] = [];
    shared.onChange((change) => heard.push(change));
    expect(await shared.hurry(['copy:1', 'copy:3'])).toBe(1);
    expect(heard).toEqual(['enqueued']);
    expect((await take('a', 5)).map((job) => job.id)).toEqual([wanted]);
    expect(await shared.hurry(['copy:1'])).toBe(0);
  });

  test('many claimers at once get every job exactly once', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => enqueue()));
    const taken = await Promise.all(Array.from({ length: 12 }, (_, i) => take(`owner-${i}`, 4)));
    expect(
      taken
        .flat()
        .map((job) => job.id)
        .sort(),
    ).toEqual([...ids].sort());
  });

  test('enqueued in a transaction, it exists only if that commits, and is announced only then', async () => {
    const shared = queue();
    const heard: string[] = [];
    shared.onChange((change) => heard.push(change));
    const failing = database.db.transaction(async (tx) => {
      await shared.enqueue({ type: 'copy' }, tx);
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(heard).toEqual([]);
    await database.db.transaction(async (tx) => {
      await shared.enqueue({ type: 'copy' }, tx);
      expect(heard).toEqual([]);
    });
    expect(heard).toEqual(['enqueued']);
    expect(await take('a', 9)).toHaveLength(1);
  });

  test('one open job a dedupe key; a new one when that is over', async () => {
    const first = await queue().enqueue({ type: 'copy', dedupeKey: 'k' });
    const second = await queue().enqueue({ type: 'copy', dedupeKey: 'k', priority: 3 });
    expect([first.created, second]).toEqual([true, { id: first.id, created: false }]);
    expect(await row(first.id)).toMatchObject({ priority: 3, runAgain: false });
    await claims().complete(await takeOne(), { ok: true });
    const third = await queue().enqueue({ type: 'copy', dedupeKey: 'k' });
    expect(third.created).toBe(true);
  });

  test('asked for again while running, it runs once more, unless that is skipped', async () => {
    const id = await enqueue({ dedupeKey: 'k' });
    const first = await takeOne();
    await enqueue({ dedupeKey: 'k', whileRunning: 'skip' });
    expect(await row(id)).toMatchObject({ runAgain: false });
    await enqueue({ dedupeKey: 'k' });
    expect(await claims().complete(first, null)).toBe(true);
    expect(await row(id)).toMatchObject({ state: 'queued', attempts: 0, finishedAt: null });
    const second = await takeOne();
    expect(second).toMatchObject({ id, attempt: 1, fence: 2 });
    await claims().complete(second, { n: 2 });
    expect(await row(id)).toMatchObject({ state: 'completed', result: { n: 2 } });
  });

  test('a failed attempt waits, keeps its error, and asking again does not shorten the wait', async () => {
    const id = await enqueue({ dedupeKey: 'k' });
    await claims().fail(await takeOne(), { code: 'x', message: 'broken', hint: null }, 60_000);
    await enqueue({ dedupeKey: 'k' });
    expect(await take()).toEqual([]);
    expect(await row(id)).toMatchObject({ state: 'queued', attempts: 1, error: { code: 'x', message: 'broken' } });
    await makeDue(id);
    expect(await takeOne()).toMatchObject({ id, attempt: 2 });
  });

  test('handed back, it is free at once and the attempt is not counted', async () => {
    const id = await enqueue();
    await claims().handBack(await takeOne('a'));
    expect(await takeOne('b')).toMatchObject({ id, attempt: 1, fence: 2 });
  });

  test('a lease that ran out is taken over, and the old runner can write nothing any more', async () => {
    const id = await enqueue();
    const old = await takeOne('old');
    expect(await claims().takeOverExpired()).toEqual([]);
    await lapse(id);
    expect(await claims().takeOverExpired()).toMatchObject([{ id, state: 'queued' }]);
    const stale = async () => [
      await claims().complete(old, 'late'),
      await claims().fail(old, { code: 'x', message: '', hint: null }, 0),
      await claims().handBack(old),
      await claims().settleCancelled(old),
      (await claims().heartbeat([pulseOf(old)])).size > 0,
    ];
    expect(await stale()).toEqual([false, false, false, false, false]);
    const fresh = await takeOne('new');
    expect(await stale()).toEqual([false, false, false, false, false]);
    await expect(database.db.transaction((tx) => claims().guard(old, tx))).rejects.toMatchObject({
      code: 'lease_lost',
    });
    await database.db.transaction((tx) => claims().guard(fresh, tx));
    expect(await row(id)).toMatchObject({ state: 'running', leaseOwner: 'new', attempts: 2 });
  });

  test('a job that lets its process die every time fails in the end', async () => {
    const id = await enqueue({ maxAttempts: 2 });
    for (const expected of ['queued', 'failed']) {
      await takeOne();
      await lapse(id);
      expect(await claims().takeOverExpired()).toMatchObject([{ id, state: expected }]);
    }
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'lease_expired' }, leaseOwner: null });
    expect((await row(id)).finishedAt).toBeInstanceOf(Date);
  });

  test('signs of life extend the lease, carry progress and bring back the wish to cancel', async () => {
    const id = await enqueue();
    const job = await takeOne();
    await lapse(id);
    const pulse = pulseOf(job);
    expect(await claims().heartbeat([{ ...pulse, progress: { done: 5 } }])).toEqual(new Map([[id, 'held']]));
    expect(await claims().takeOverExpired()).toEqual([]);
    expect((await row(id)).progress).toEqual({ done: 5 });
    expect(await queue().cancel(id)).toBe('running');
    expect(await claims().heartbeat([pulse])).toEqual(new Map([[id, 'cancel_requested']]));
    expect((await row(id)).progress).toEqual({ done: 5 });
    expect(await claims().settleCancelled(job)).toBe(true);
    expect(await row(id)).toMatchObject({ state: 'cancelled' });
  });

  test('a waiting job is cancelled at once, a finished one stays what it is', async () => {
    const waiting = await enqueue();
    expect(await queue().cancel(waiting)).toBe('cancelled');
    expect(await take()).toEqual([]);
    const done = await enqueue();
    await claims().complete(await takeOne(), undefined);
    expect(await queue().cancel(done)).toBe('completed');
    expect(await queue().cancel('nobody')).toBeUndefined();
  });

  test.each(['settled', 'lapsed'])(
    'what is asked for after a cancel runs, although the run before it was cancelled: %s',
    async (how) => {
      const id = await enqueue({ dedupeKey: 'k' });
      const job = await takeOne();
      await queue().cancel(id);
      await enqueue({ dedupeKey: 'k' });
      if (how === 'settled') await claims().settleCancelled(job);
      else await lapse(id).then(() => claims().takeOverExpired());
      expect(await row(id)).toMatchObject({ state: 'queued', cancelRequested: false, runAgain: false, attempts: 0 });
      expect(await claims().heartbeat([pulseOf(await takeOne())])).toEqual(new Map([[id, 'held']]));
    },
  );

  test.each(['failed', 'handed back'])(
    'a job that was to be cancelled is not queued again when it is %s',
    async (how) => {
      const id = await enqueue();
      const job = await takeOne();
      await queue().cancel(id);
      if (how === 'failed') await claims().fail(job, { code: 'x', message: '', hint: null }, 0);
      else await claims().handBack(job);
      expect(await row(id)).toMatchObject({ state: 'cancelled', finishedAt: expect.any(Date), leaseOwner: null });
    },
  );

  test('completed with its effect in one transaction, both happen or neither', async () => {
    const id = await enqueue();
    const job = await takeOne();
    const failing = database.db.transaction(async (tx) => {
      await claims().complete(job, { ok: true }, tx);
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await row(id)).toMatchObject({ state: 'running' });
    await database.db.transaction((tx) => claims().complete(job, { ok: true }, tx));
    expect(await row(id)).toMatchObject({ state: 'completed', result: { ok: true } });
  });

  test('a failed job can be tried again, but not beside another open one of its key', async () => {
    const id = await enqueue({ dedupeKey: 'k', maxAttempts: 1 });
    await claims().fail(await takeOne(), { code: 'x', message: '', hint: null }, undefined);
    const other = await enqueue({ dedupeKey: 'k' });
    expect(await queue().retry(id)).toBe(false);
    await queue().cancel(other);
    expect(await queue().retry(id)).toBe(true);
    expect(await takeOne()).toMatchObject({ id, attempt: 1 });
    expect(await queue().retry(id)).toBe(false);
  });

  test('finished jobs are forgotten after their time, open ones never', async () => {
    const age = (id: string, hours: number) =>
      database.db
        .update(jobs)
        .set({ finishedAt: sql`now() - ${hours} * interval '1 hour'` })
        .where(eq(jobs.id, id));
    const [old, young, failed, open] = [await enqueue(), await enqueue(), await enqueue(), await enqueue()];
    for (const job of await take('a', 3)) await claims().complete(job, null);
    await database.db.update(jobs).set({ state: 'failed' }).where(eq(jobs.id, failed));
    await age(old, 30);
    await age(failed, 30);
    const hour = 3_600_000;
    expect(await queue().removeFinished({ completedMs: 24 * hour, failedMs: 48 * hour })).toBe(1);
    const left = (await queue().list()).map((job) => job.id);
    expect(left).toEqual([open, failed, young].sort().reverse());
  });

  test('lists by user, state and type, newest first, in pages', async () => {
    const [first, second] = [await enqueue({ userId: 'u' }), await enqueue({ userId: 'u' })];
    await enqueue({ userId: 'other' });
    expect((await queue().list({ userId: 'u' })).map((job) => job.id)).toEqual([second, first]);
    expect((await queue().list({ userId: 'u', before: second, limit: 5 })).map((job) => job.id)).toEqual([first]);
    expect(await queue().list({ states: ['failed'] })).toEqual([]);
    expect(await queue().counts()).toEqual([{ type: 'copy', state: 'queued', count: 3 }]);
  });
});
