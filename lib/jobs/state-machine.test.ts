import { eq, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jobs } from '@/lib/db/schema.ts';
import { describeDatabase, removeAllRows } from '@/tests/support/database.ts';
import { JobClaims } from './claims.ts';
import type { Claim, Job } from './job.ts';
import { JobQueue } from './queue.ts';

/** What may be done to a job, by its owner or by somebody whose claim is old. `claim` picks one of those made so far. */
type Step =
  | { do: 'enqueue' | 'claim' | 'cancel' | 'lapse' | 'take_over' | 'retry' }
  | { do: 'complete' | 'retry_later' | 'fail' | 'hand_back' | 'settle_cancelled' | 'heartbeat'; claim: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('enqueue', 'claim', 'cancel', 'lapse', 'take_over', 'retry') }),
  fc.record({
    do: fc.constantFrom('complete', 'retry_later', 'fail', 'hand_back', 'settle_cancelled', 'heartbeat'),
    claim: fc.nat({ max: 7 }),
  }),
) as fc.Arbitrary<Step>;

const MAX_ATTEMPTS = 3;
const FAILURE = { code: 'x', message: 'x', hint: null };

describeDatabase('the life of a job', (database) => {
  const queue = () => new JobQueue(database.db);
  const claims = () => new JobClaims(database.db);

  const allJobs = () => database.db.select().from(jobs).orderBy(jobs.id);

  /** Runs one step. Answers whether it changed anything, and which claim it used. */
  async function perform(step: Step, made: Claim[]): Promise<{ changed: boolean; used?: Claim }> {
    if ('claim' in step) {
      const used = made[step.claim % Math.max(made.length, 1)];
      return used ? { changed: await write(step.do, used), used } : { changed: false };
    }
    const [last] = (await allJobs()).slice(-1);
    if (step.do === 'enqueue') {
      await queue().enqueue({ type: 't', dedupeKey: 'k', maxAttempts: MAX_ATTEMPTS });
    } else if (step.do === 'claim') {
      made.push(...(await claims().claim([{ type: 't', limit: 1, leaseMs: 60_000 }], `owner-${made.length}`)));
    } else if (step.do === 'take_over') {
      await claims().takeOverExpired();
    } else if (last && step.do === 'cancel') {
      await queue().cancel(last.id);
    } else if (last && step.do === 'retry') {
      await queue().retry(last.id);
    } else if (last) {
      await database.db.update(jobs).set({ leaseUntil: sql`now() - interval '1 s'` }).where(eq(jobs.state, 'running'));
    }
    return { changed: true };
  }

  async function write(what: Extract<Step, { claim: number }>['do'], claim: Claim): Promise<boolean> {
    if (what === 'complete') return claims().complete(claim, null);
    if (what === 'retry_later') return claims().fail(claim, FAILURE, 0);
    if (what === 'fail') return claims().fail(claim, FAILURE, undefined);
    if (what === 'hand_back') return claims().handBack(claim);
    if (what === 'settle_cancelled') return claims().settleCancelled(claim);
    return (
      (await claims().heartbeat([{ id: claim.id, owner: claim.owner, fence: claim.fence, leaseMs: 60_000 }])).size > 0
    );
  }

  function holdsIn(rows: Job[], claim: Claim): boolean {
    return rows.some(
      (job) =>
        job.id === claim.id && job.state === 'running' && job.leaseOwner === claim.owner && job.fence === claim.fence,
    );
  }

  function expectSound(rows: Job[]): void {
    const open = rows.filter((job) => job.state === 'queued' || job.state === 'running');
    expect(open.length).toBeLessThanOrEqual(1);
    for (const job of rows) {
      const running = job.state === 'running';
      expect([job.leaseOwner !== null, job.leaseUntil !== null]).toEqual([running, running]);
      expect(job.finishedAt !== null).toBe(!open.includes(job));
      expect(job.attempts).toBeGreaterThanOrEqual(0);
      expect(job.attempts).toBeLessThanOrEqual(job.fence);
      if (!running) expect(job.runAgain).toBe(false);
      if (job.state === 'queued') expect(job.cancelRequested).toBe(false);
    }
  }

  test('whatever happens in whatever order, only the holder changes a job, and what is written is sound', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      await removeAllRows(database.db);
      const made: Claim[] = [];
      for (const next of steps) {
        const before = await allJobs();
        const { changed, used } = await perform(next, made);
        const after = await allJobs();
        expectSound(after);
        if (used) expect(changed).toBe(holdsIn(before, used));
        if (!changed) expect(after).toEqual(before);
        for (const job of after)
          expect(job.fence).toBeGreaterThanOrEqual(before.find((b) => b.id === job.id)?.fence ?? 0);
      }
    });
    await fc.assert(property, { numRuns: 50 });
  }, 240_000);
});
