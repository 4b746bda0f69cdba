import { sql } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { POST as uploadDataset } from '@/app/api/training/dataset/route.ts';
import type { LongshoreError } from '@/lib/errors.ts';
import { testApplication } from '@/tests/support/application.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';
import type { RemoteResource } from './training-job.ts';

const application = testApplication();
const training = () => application.app.training;
const db = () => application.app.database.db;
let userId: string;
let datasetId: string;

beforeAll(async () => {
  const upload = { method: 'POST', path: '/api/training/dataset?name=chats', body: chatRecords(20) };
  const made = await (await application.call(uploadDataset, upload)).json();
  datasetId = made.dataset.id;
  userId = (await application.app.accounts.users.list({ limit: 1 }))[0]?.id ?? '';
});

beforeEach(async () => {
  await db().execute(sql`delete from longshore.training_jobs`);
  await db().execute(sql`delete from longshore.jobs where type = 'end_training_resource'`);
});

const make = (more: Partial<Parameters<ReturnType<typeof training>['service']['create']>[0]> = {}) =>
  training().service.create({ userId, datasetId, target: 'local', config: {}, ...more });
/** One that has listened for days. */
const patient = () => training().makeReaper({ listeningSince: new Date(0) });
const claimOf = (job: { id: string; attempt: number }) => ({ jobId: job.id, userId, attempt: job.attempt });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'fine',
    (error: LongshoreError) => [error.code, error.details.state].filter(Boolean).join(' '),
  );
const age = (column: string, id: string) =>
  db().execute(sql`update longshore.training_jobs set ${sql.raw(column)} = now() - interval '1 day' where id = ${id}`);
const pod: RemoteResource = { provider: 'runpod', id: 'pod-1', state: 'CREATED' };
const queuedEnds = async () =>
  (await application.app.jobs.list({ type: 'end_training_resource' })).map((job) => job.payload.remote);

describe('a job', () => {
  test('that ended long ago keeps its story and not its logs, piece by piece; the others keep all', async () => {
    const [old, recent, open] = [await make(), await make(), await make()];
    for (const job of [old, recent, open]) {
      const said = ['log', 'metric', 'log', 'stage'].map((kind) => sql`(${job.id}, 1, ${kind}, '{}'::jsonb)`);
      await db().execute(sql`
        insert into longshore.training_job_events (job_id, attempt, kind, data) values ${sql.join(said, sql`, `)}`);
    }
    for (const job of [old, recent]) await training().service.cancel(userId, job.id);
    await age('finished_at', old.id);
    const purge = () => training().repository.purgeLogs(60 * 60_000, 2);
    expect([await purge(), await purge(), await purge()]).toEqual([2, 1, 0]);
    const kindsOf = async (id: string) =>
      (await training().repository.events(id, { after: 0, limit: 20 })).map(({ kind }) => kind);
    expect(new Set(await kindsOf(old.id))).toEqual(new Set(['stage', 'state']));
    for (const job of [recent, open]) expect(await kindsOf(job.id)).toEqual(expect.arrayContaining(['log', 'metric']));
  });

  test('is pinned to the bytes that the dataset has', async () => {
    const job = await make();
    const { rows } = await db().execute(sql`select content_sha256 from training_datasets where id = ${datasetId}`);
    expect({ ...job }).toMatchObject({
      state: 'pending',
      attempt: 1,
      maxAttempts: 3,
      ...{ contentSha256: rows[0]?.content_sha256 },
    });
  });

  test('of a dataset that is not there, or is somebody else’s, is refused', async () => {
    expect(await codeOf(make({ datasetId: 'nothing' }))).toBe('dataset_not_found');
    expect(await codeOf(make({ userId: 'eve' }))).toBe('dataset_not_found');
  });

  test('goes to one agent of its user only, oldest first', async () => {
    const [first, second] = [await make(), await make()];
    const { reports } = training();
    expect(await reports.claimNext('eve', 'x')).toBeUndefined();
    const taken = await Promise.all([reports.claimNext(userId, 'a'), reports.claimNext(userId, 'b')]);
    expect(taken.map((job) => job?.id).sort()).toEqual([first.id, second.id].sort());
    expect(await reports.claimNext(userId, 'c')).toBeUndefined();
  });

  test('runs from claim to completion, and tells each step', async () => {
    const job = await make();
    const { reports, service } = training();
    await reports.claimNext(userId, 'agent');
    for (const state of ['fetching', 'running', 'completed'] as const) await reports.status(claimOf(job), { state });
    const done = await service.get(userId, job.id);
    expect(done).toMatchObject({ state: 'completed', claimedBy: 'agent', error: null });
    expect(done.finishedAt).not.toBeNull();
    const events = await service.events(job, { after: 0, limit: 50 });
    expect(events.map((event) => event.data.to)).toEqual(['pending', 'starting', 'fetching', 'running', 'completed']);
  });

  test.each(['completed', 'failed', 'cancelled'] as const)('that is %s takes nothing in', async (state) => {
    const job = await make();
    const { reports, service } = training();
    await reports.claimNext(userId, 'agent');
    const error = { code: 'boom', message: 'm', hint: null, stage: 'train' };
    if (state === 'cancelled') await service.cancel(userId, job.id);
    else if (state === 'failed') await reports.status(claimOf(job), { state, error, retry: false });
    else await reports.status(claimOf(job), { state: 'running' }).then(() => reports.status(claimOf(job), { state }));
    const logs = { seq: 1, chunks: [{ stream: 'stdout' as const, text: 'late\n' }] };
    for (const late of [
      () => reports.heartbeat(claimOf(job), {}),
      () => reports.logs(claimOf(job), logs),
      () => reports.status(claimOf(job), { state: 'completed' }),
      () => training().datasets.locate(claimOf(job)),
    ])
      expect(await codeOf(late())).toBe(`job_over ${state}`);
    expect((await service.get(userId, job.id)).state).toBe(state);
  });
});

describe('an earlier attempt', () => {
  test('changes nothing once the next one has begun', async () => {
    const job = await make();
    const { reports, service } = training();
    const reaper = patient();
    await reports.claimNext(userId, 'first');
    await age('heartbeat_at', job.id);
    expect((await reaper.reap()).map((reaped) => [reaped.state, reaped.attempt])).toEqual([['pending', 2]]);
    expect(await codeOf(reports.status(claimOf(job), { state: 'completed' }))).toBe('job_over superseded');
    const again = await reports.claimNext(userId, 'second');
    expect(again).toMatchObject({ id: job.id, attempt: 2, claimedBy: 'second' });
    expect(await codeOf(service.settle(job, { state: 'completed' }))).toBe('job_over superseded');
    expect(await codeOf(reports.heartbeat(claimOf(job), {}))).toBe('job_over superseded');
  });

  test('is followed by as many as the policy says, then the job has failed', async () => {
    const job = await make({ policy: { maxAttempts: 2 } });
    const { reports, service } = training();
    const reaper = patient();
    for (const expected of ['pending', 'failed']) {
      await reports.claimNext(userId, 'agent');
      await age('heartbeat_at', job.id);
      await reaper.reap();
      expect((await service.get(userId, job.id)).state).toBe(expected);
    }
    expect((await service.get(userId, job.id)).error).toMatchObject({ code: 'worker_silent', stage: 'starting' });
  });
});

describe('the reaper', () => {
  test('leaves alone who speaks, and a job that waits for a local agent', async () => {
    const [waiting, speaking] = [await make(), await make()];
    await age('attempt_at', waiting.id);
    await age('attempt_at', speaking.id);
    const { reports } = training();
    const reaper = patient();
    await reports.claimNext(userId, 'agent');
    expect(await reaper.reap()).toEqual([]);
  });

  test('lets a worker speak again that nobody could hear', async () => {
    const job = await make();
    await training().reports.claimNext(userId, 'agent');
    await age('heartbeat_at', job.id);
    let time = Date.now();
    const reaper = training().makeReaper({ now: () => new Date(time), listeningSince: new Date(0) });
    time += 31_000;
    expect(await reaper.reap()).toEqual([]);
    await age('heartbeat_at', job.id);
    expect(await training().makeReaper().reap()).toEqual([]);
    expect(await patient().reap()).toHaveLength(1);
  });

  test.each([
    ['a target that never began', undefined, 'start_timeout'],
    ['a machine that never spoke', pod, 'start_timeout'],
  ])('fails %s', async (_, remote, code) => {
    const job = await make({ target: 'runpod' });
    const { service } = training();
    const reaper = patient();
    if (remote !== undefined) await service.starting(job, remote);
    await age('attempt_at', job.id);
    expect((await reaper.reap()).map((reaped) => reaped.error?.code)).toEqual([code]);
    expect(await queuedEnds()).toEqual(remote === undefined ? [] : [pod]);
  });

  test('ends a run that takes longer than it may, though it speaks', async () => {
    const job = await make({ policy: { runTimeoutMs: 1000 } });
    const { reports } = training();
    const reaper = patient();
    await reports.claimNext(userId, 'agent');
    await reports.status(claimOf(job), { state: 'running' });
    await age('started_at', job.id);
    await reports.heartbeat(claimOf(job), {});
    expect((await reaper.reap()).map((reaped) => [reaped.state, reaped.error?.code])).toEqual([
      ['failed', 'run_timeout'],
    ]);
  });
});

describe('what a provider rents out', () => {
  test.each(['cancelled', 'completed', 'failed'] as const)(
    'is ended when the job is %s, and not before',
    async (state) => {
      const job = await make({ target: 'runpod' });
      const { service, remotes } = training();
      await service.starting(job, { provider: 'runpod', state: 'creating' });
      await service.starting(job, pod);
      const error = { code: 'quota', message: 'm', hint: null, stage: 'deploy' };
      if (state === 'cancelled') await service.cancel(userId, job.id);
      else await service.settle(job, state === 'failed' ? { state, error } : { state });
      expect(await queuedEnds()).toEqual([pod]);
      // Without the user's key nobody can end it: that is said, and tried again, and never taken for an end.
      await expect(remotes.end({ training_job_id: job.id, remote: pod })).rejects.toThrow(
        'may still run and cost money',
      );
      expect((await service.get(userId, job.id)).remote).toEqual(pod);
    },
  );

  test('is ended when the job was cancelled while it was being made', async () => {
    const job = await make({ target: 'runpod' });
    const { service } = training();
    await service.cancel(userId, job.id);
    expect(await codeOf(service.starting(job, pod))).toBe('job_over cancelled');
    expect(await queuedEnds()).toEqual([pod]);
  });
});

describe('reports', () => {
  const line = (text: string, seq: number) => ({ seq, chunks: [{ stream: 'stdout' as const, text }] });

  test('are kept in order, once each, without secrets', async () => {
    const job = await make();
    const { reports, service } = training();
    await reports.claimNext(userId, 'agent');
    const token = training().service.workerEnvironment(job).LONGSHORE_JOB_TOKEN;
    await reports.logs(claimOf(job), line(`token ${token}\n`, 1));
    await reports.logs(claimOf(job), line('again\n', 1));
    await reports.logs(claimOf(job), line('nul \u0000 and half \ud800\n', 2));
    await reports.metrics(claimOf(job), { seq: 3, points: [{ values: { loss: 0.5 }, step: 1 }] });
    const events = await service.events(job, { after: 0, limit: 50, kinds: ['log', 'metric'] });
    expect(events.map((event) => event.data)).toEqual([
      { stream: 'stdout', text: 'token [redacted]\n' },
      { stream: 'stdout', text: 'nul \ufffd and half \ufffd\n' },
      { values: { loss: 0.5 }, step: 1 },
    ]);
  });

  test('are bounded in rate and in all', async () => {
    const job = await make();
    const { reports, service } = training();
    await reports.claimNext(userId, 'agent');
    const big = 'x'.repeat(4 * 1024 * 1024 - 1);
    await reports.logs(claimOf(job), line(`${big}\n`, 1));
    expect(await codeOf(reports.logs(claimOf(job), line('more\n', 2)))).toBe('reports_too_fast');
    await db().execute(
      sql`update longshore.training_jobs set log_bytes = ${16 * 1024 * 1024 - 2}, rate_window_at = null`,
    );
    expect(await reports.logs(claimOf(job), line('last\n', 2))).toEqual({ dropped: true });
    expect(await reports.logs(claimOf(job), line('never\n', 3))).toEqual({ dropped: true });
    const texts = (await service.events(job, { after: 0, limit: 50, kinds: ['log'] })).map((event) => event.data.text);
    expect(texts.slice(1)).toEqual(['last\n', expect.stringContaining('dropped')]);
  });

  test('are followed while they come, to the end', async () => {
    const job = await make();
    const { reports, follower } = training();
    await reports.claimNext(userId, 'agent');
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const event of follower.follow(job, { after: 0, signal: new AbortController().signal })) {
        if (event !== 'quiet') seen.push(event.data.text ?? event.data.to);
      }
    })();
    await reports.logs(claimOf(job), line('one\n', 1));
    await reports.status(claimOf(job), { state: 'running' });
    await reports.status(claimOf(job), { state: 'completed' });
    await reading;
    expect(seen).toEqual(['pending', 'starting', 'one\n', 'running', 'completed']);
  });

  test('of several machines complete the job when all have', async () => {
    const job = await make();
    const { reports } = training();
    await reports.claimNext(userId, 'agent');
    await reports.status(claimOf(job), { state: 'running' });
    const shard = (index: number) => ({ state: 'completed' as const, shard: { index, count: 2 } });
    expect((await reports.status(claimOf(job), shard(1))).state).toBe('running');
    expect((await reports.status(claimOf(job), shard(1))).state).toBe('running');
    expect((await reports.status(claimOf(job), shard(0))).state).toBe('completed');
  });
});

describe('retry', () => {
  test('begins a failed local job again with a fresh token; a rented one is not rented again by itself', async () => {
    const [local, rented] = [await make(), await make({ target: 'lambda' })];
    const { service } = training();
    expect(await codeOf(service.retry(userId, local.id))).toBe('job_state_conflict pending');
    for (const job of [local, rented]) await service.cancel(userId, job.id);
    expect(await service.retry(userId, local.id)).toMatchObject({ state: 'pending', attempt: 2, finishedAt: null });
    expect(await codeOf(service.retry(userId, rented.id))).toBe('deploy_again');
    expect(await codeOf(service.retry('eve', local.id))).toBe('job_not_found');
  });
});
