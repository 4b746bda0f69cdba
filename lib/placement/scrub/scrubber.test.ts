import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { PLACEMENT_JOBS } from '@/lib/placement/job-types.ts';
import { ScrubRepository } from '@/lib/placement/scrub/scrub-repository.ts';
import { ScrubService } from '@/lib/placement/scrub/scrub-service.ts';
import { Scrubber } from '@/lib/placement/scrub/scrubber.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { describeDatabase } from '@/tests/support/database.ts';
import { DatasetLab } from '@/tests/support/dataset-lab.ts';

const DAY_MS = 86_400_000;

describeDatabase('scrub', (database) => {
  let lab: DatasetLab;

  beforeEach(async () => {
    lab = await DatasetLab.open(database.db, await DatasetLab.folder());
    await lab.enterPhase(database.db, 'dual_write');
  });
  afterEach(() => lab.dispose());

  const settings = { bytesPerSecond: Number.MAX_SAFE_INTEGER, intervalMs: 30 * DAY_MS };
  const make = async (userId = 'ada') => {
    const dataset = await lab.parts.creator.create(await lab.draft(undefined, { userId }));
    await lab.runJobs();
    return dataset;
  };
  const copyIn = async (id: string, provider: string) => {
    const found = (await lab.placed.replicas.ofDataset(id)).find((replica) => replica.provider === provider);
    if (found === undefined) throw new Error(`no copy in ${provider}`);
    return found;
  };
  const all = { userId: undefined, requestedBy: 'test' };
  const start = async (wish: { userId: string | undefined; requestedBy: string } = all) => {
    const run = await lab.placed.scrub.start(wish);
    if (run === undefined) throw new Error('nothing to scrub');
    return run;
  };
  const readBackDaysAgo = (days: number) =>
    database.db.execute(sql`update longshore.dataset_replicas
      set verified_at = now() - make_interval(days => ${days}), completed_at = now() - make_interval(days => ${days})`);

  test('reads every copy again, and what is whole stays as it is', async () => {
    await make();
    const { id } = await make();
    const before = (await copyIn(id, 's3')).verifiedAt;
    const run = await start();
    expect(run).toMatchObject({ state: 'running', total_replicas: 4, checked_replicas: 0 });
    expect(await lab.placed.scrubber.work(run.id, 'a')).toBe(true);
    const { running, last, findings, coverage } = await lab.placed.scrub.status(undefined);
    expect(running).toBeNull();
    expect(last).toMatchObject({ id: run.id, state: 'finished', checked_replicas: 4, same: 4, errors: 0 });
    expect(last?.checked_bytes).toBe(last?.total_bytes);
    expect(findings).toEqual([]);
    expect(coverage).toMatchObject({ replicas: 4, never_read: 0 });
    expect((await copyIn(id, 's3')).verifiedAt?.getTime()).toBeGreaterThan(before?.getTime() ?? 0);
  });

  test('damage is found, told, and repaired from the copy that is whole', async () => {
    const [gone, changed] = [await make(), await make()];
    await lab.bucket.service.delete((await copyIn(gone.id, 's3')).objectKey);
    await lab.base.service.put((await copyIn(changed.id, 'filesystem')).objectKey, bufferBody('other bytes'));
    const run = await start();
    await lab.placed.scrubber.work(run.id, 'a');
    const { last, findings } = await lab.placed.scrub.status(undefined);
    expect(last).toMatchObject({ same: 2, missing: 1, corrupt: 1 });
    expect(findings.map(({ dataset_id, outcome }) => [dataset_id, outcome]).sort()).toEqual(
      [
        [gone.id, 'missing'],
        [changed.id, 'corrupt'],
      ].sort(),
    );
    expect(lab.damage.map(({ datasetId, verdict }) => [datasetId, verdict]).sort()).toEqual(
      [
        [gone.id, 'missing'],
        [changed.id, 'corrupt'],
      ].sort(),
    );
    await lab.runJobs();
    for (const { id } of [gone, changed]) {
      const copies = await lab.placed.replicas.ofDataset(id);
      expect(copies.map(({ state }) => state)).toEqual(['completed', 'completed']);
      expect(copies.every(({ verifiedAt }) => verifiedAt !== null)).toBe(true);
    }
  });

  test('a store that does not answer is an error, not damage, and is tried again after a day', async () => {
    const { id } = await make();
    await readBackDaysAgo(31);
    lab.bucket.failing = 'unauthorized';
    const run = await lab.placed.scrub.startDue();
    await lab.placed.scrubber.work(run?.id ?? '', 'a');
    const { last, findings } = await lab.placed.scrub.status('ada');
    expect(last).toBeNull();
    expect(findings).toMatchObject([{ dataset_id: id, outcome: 'error', error_code: 'unauthorized' }]);
    expect((await copyIn(id, 's3')).state).toBe('completed');
    expect(lab.damage).toEqual([]);
    expect(await lab.placed.scrub.startDue()).toBeUndefined();
    await database.db.execute(sql`update longshore.scrub_marks set looked_at = now() - interval '25 hours'`);
    lab.bucket.failing = undefined;
    const again = await lab.placed.scrub.startDue();
    expect(again).toMatchObject({ total_replicas: 1 });
    await lab.placed.scrubber.work(again?.id ?? '', 'a');
    expect((await lab.placed.scrub.status(undefined)).last).toMatchObject({ same: 1, errors: 0 });
  });

  test('the schedule takes what was not read for the interval, the oldest first', async () => {
    const [old, older] = [await make(), await make()];
    await make();
    await database.db.execute(sql`update longshore.dataset_replicas
      set verified_at = now() - make_interval(days => case dataset_id when ${old.id} then 31 else 40 end),
          completed_at = now() - interval '50 days'
      where dataset_id in (${old.id}, ${older.id})`);
    const run = await lab.placed.scrub.startDue();
    expect(run).toMatchObject({ requested_by: 'schedule', total_replicas: 4 });
    const repository = new ScrubRepository(database.db);
    const open = await repository.find(run?.id ?? '');
    if (open === undefined) throw new Error('no run');
    const order = [];
    for (const owner of ['a', 'b', 'c', 'd']) order.push(await repository.claim(open, owner, 1e9));
    const ids = order.map((claim) => (typeof claim === 'object' ? claim.datasetId : claim));
    expect(ids).toEqual([older.id, older.id, old.id, old.id]);
    expect(await repository.claim(open, 'e', 1e9)).toBe('busy');
  });

  test('several work on one run, each copy is read once, and what a dead one held is read by another', async () => {
    for (let made = 0; made < 5; made += 1) await make();
    const run = await start();
    const repository = new ScrubRepository(database.db);
    const open = await repository.find(run.id);
    if (open === undefined) throw new Error('no run');
    const held = await repository.claim(open, 'dies', 1e9);
    const workers = ['a', 'b', 'c'].map((owner) => lab.placed.scrubber.work(run.id, owner));
    const outcomes = await Promise.allSettled(workers);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((await lab.placed.scrub.status(undefined)).running).toMatchObject({ checked_replicas: 9, same: 9 });
    await database.db.execute(sql`update longshore.scrub_marks set lease_until = now() - interval '1 second'
      where lease_owner = 'dies'`);
    expect(await lab.placed.scrubber.work(run.id, 'd')).toBe(true);
    if (typeof held !== 'object') throw new Error('nothing was held');
    await repository.record(open, held, 'dies', { outcome: 'missing', bytes: 0 });
    expect((await lab.placed.scrub.status(undefined)).last).toMatchObject({
      checked_replicas: 10,
      same: 10,
      missing: 0,
    });
  });

  test('all processes share one bandwidth: each claim begins where the last one ends', async () => {
    const first = await make();
    await make();
    const size = (await copyIn(first.id, 's3')).sizeBytes ?? 0;
    const run = await start();
    const repository = new ScrubRepository(database.db);
    const open = await repository.find(run.id);
    if (open === undefined) throw new Error('no run');
    const claims = [];
    // A copy takes 1,000 seconds at this rate.
    for (const owner of ['a', 'b', 'c']) claims.push(await repository.claim(open, owner, size / 1000));
    const starts = claims.map((claim) => (typeof claim === 'object' ? Math.round(claim.startInMs / 100_000) : claim));
    expect(starts).toEqual([0, 10, 20]);
  });

  test('who is told to stop gives the copy back', async () => {
    await make();
    const run = await start();
    const slow = new Scrubber({
      repository: new ScrubRepository(database.db),
      verifier: lab.placed.verifier,
      reconciler: lab.placed.reconciler,
      settings: { ...settings, bytesPerSecond: 1 },
    });
    const stop = new AbortController();
    const working = slow.work(run.id, 'slow', { signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(working).rejects.toThrow();
    await database.db.execute(sql`delete from longshore.scrub_pace`);
    expect(await lab.placed.scrubber.work(run.id, 'quick')).toBe(true);
  });

  test('a user scrubs the own copies and sees findings about them alone', async () => {
    await make('ada');
    const bob = await make('bob');
    await lab.bucket.service.delete((await copyIn(bob.id, 's3')).objectKey);
    const run = await start({ userId: 'bob', requestedBy: 'bob' });
    expect(run).toMatchObject({ scope: 'mine', total_replicas: 2 });
    expect((await start({ userId: 'bob', requestedBy: 'bob' })).id).toBe(run.id);
    await lab.placed.scrubber.work(run.id, 'a');
    expect((await lab.placed.scrub.status('bob')).findings).toHaveLength(1);
    expect(await lab.placed.scrub.status('ada')).toMatchObject({ findings: [], last: null });
    expect(await lab.placed.scrub.start({ userId: 'nobody', requestedBy: 'nobody' })).toBeUndefined();
  });

  test('a run whose jobs were lost is taken up by the schedule', async () => {
    await make();
    const jobs = new JobQueue(database.db);
    const service = new ScrubService({ repository: new ScrubRepository(database.db), jobs, settings });
    await service.start(all);
    await database.db.execute(sql`delete from longshore.jobs`);
    await service.startDue();
    const queued = await jobs.list({ type: PLACEMENT_JOBS.scrubSlice, states: ['queued'] });
    expect(queued.length).toBeGreaterThan(0);
  });
});
