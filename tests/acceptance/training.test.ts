/** A training job from end to end with real processes: server, worker, command. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import { tinyDisk } from '@/tests/support/tiny-disk.ts';
import {
  type DatasetView,
  eventsOf,
  eventually,
  frames,
  isAlive,
  jobOf,
  logOf,
  makeJob,
  reached,
  send,
  startAgent,
  startWorker,
  type TestWorker,
  upload,
} from '@/tests/support/training.ts';

/** Says what it was given, as a training script would find it, and pretends to learn. */
const SCRIPT = `
import hashlib, json, os, sys
records = open(os.environ["DATASET_PATH"], "rb").read()
print("content", hashlib.sha256(records).hexdigest(), "kind", os.environ["DATASET_KIND"])
print("object", hashlib.sha256(open(os.environ["DATASET_GZ_PATH"], "rb").read()).hexdigest())
print("environment", " ".join(sorted(name for name in os.environ if "LONGSHORE" in name or "TOKEN" in name)) or "clean")
print("examples", os.environ["DATASET_EXAMPLES"], "of job", os.environ["JOB_ID"])
print("rate", json.load(open(os.environ["HYPERPARAMETERS_PATH"]))["rate"], "user", os.environ["MINE"])
for step in range(1, 4):
    print(json.dumps({"step": step, "loss": 1.0 / step}))
print({"loss": 0.25, "grad_norm": float("nan"), "learning_rate": 5e-05, "epoch": 1.0})
print("half a progress bar\\r100%", file=sys.stderr)
`;
const python = (script: string) => ['python3', '-c', script];

let server: TestServer;
let agent: TestWorker;
let dataset: DatasetView;
beforeAll(async () => {
  server = await startServer();
  dataset = await upload(server, chatRecords(200));
  agent = await startAgent(server);
});
afterAll(async () => {
  await agent.stop();
  await server.stop();
});

describe('a local job', () => {
  test('is fetched, verified, trained, and tells all of it', async () => {
    const config = { command: python(SCRIPT), hyperparameters: { rate: 3 }, env: { MINE: 'private-value' } };
    const job = await makeJob(server, dataset.id, { config });
    expect(await reached(server, job.id, 'completed', 'failed')).toMatchObject({ state: 'completed', error: null });
    const log = await logOf(server, job.id);
    expect(log).toContain(`content ${dataset.content_sha256} kind messages\n`);
    expect(log).toContain(`object ${dataset.object_sha256}\n`);
    expect(log).toContain('environment clean\n');
    expect(log).toContain(`examples 200 of job ${job.id}\n`);
    expect(log).toContain('rate 3 user private-value\n');
    expect(log).toContain('both hashes verified, 200 records');
    expect(log).toContain('\n100%\n');
    expect(log).not.toContain('half a progress');
    const metrics = (await eventsOf(server, job.id, 'metric')).map(({ data }) => data);
    expect(metrics).toEqual([
      { step: 1, values: { loss: 1 } },
      { step: 2, values: { loss: 0.5 } },
      { step: 3, values: { loss: expect.closeTo(1 / 3) } },
      { epoch: 1, values: { loss: 0.25, learning_rate: 5e-5 } },
    ]);
    const told = await eventsOf(server, job.id);
    const states = told.filter(({ kind }) => kind === 'state').map(({ data }) => data.to);
    expect(states).toEqual(['pending', 'starting', 'fetching', 'running', 'completed']);
    const stages = told.filter(({ kind }) => kind === 'stage').map(({ data }) => data.stage);
    expect(stages).toContain('train');
  });

  test.each([
    ['fails', 'sys.exit(7)', { code: 'command_failed', stage: 'train', message: expect.stringContaining('7') }],
    ['is killed', 'os.kill(os.getpid(), 9)', { code: 'command_killed', stage: 'train' }],
  ])('whose command %s has failed, with its last words', async (_, end, error) => {
    const config = { command: python(`import os, sys\nprint("out of luck", flush=True)\n${end}`) };
    const job = await makeJob(server, dataset.id, { config });
    expect(await reached(server, job.id, 'completed', 'failed')).toMatchObject({ state: 'failed', attempt: 1, error });
    expect(await logOf(server, job.id)).toContain('out of luck\n');
  });

  test.each([
    ['without a command', {}, 'command_missing', 'claim'],
    ['with one that is not there', { command: ['/no/such/program'] }, 'command_failed', 'train'],
  ])('%s fails and says so', async (_, config, code, stage) => {
    const job = await makeJob(server, dataset.id, { config });
    expect((await reached(server, job.id, 'completed', 'failed')).error).toMatchObject({ code, stage });
  });

  test('whose dataset was deleted meanwhile fails and says so', async () => {
    await agent.stop();
    const doomed = await upload(server, chatRecords(3, 9), 'doomed');
    const job = await makeJob(server, doomed.id, { config: { command: 'true' } });
    await send(server, 'DELETE', `/api/training/dataset/${doomed.id}`);
    agent = await startAgent(server);
    expect((await reached(server, job.id, 'failed')).error).toMatchObject({ code: 'dataset_deleted', stage: 'fetch' });
  });
});

test('a disk that is too small is told before the download', async () => {
  const disk = await tinyDisk(4 * 1024 * 1024);
  if (disk === undefined) return;
  await agent.stop();
  const job = await makeJob(server, dataset.id, { config: { command: 'true' } });
  const cramped = await startAgent(server, '--work-dir', disk.path);
  const { error } = await reached(server, job.id, 'completed', 'failed');
  expect(error).toMatchObject({ code: 'disk_full', stage: 'fetch', hint: expect.stringContaining('Free ') });
  await cramped.stop();
  await disk.remove();
  agent = await startAgent(server);
});

describe('cancel', () => {
  const stubborn = `
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
child = subprocess.Popen(["sleep", "600"])
print("pids", os.getpid(), child.pid, flush=True)
while True: time.sleep(0.05)
`;

  test('ends a waiting job at once', async () => {
    await agent.stop();
    const job = await makeJob(server, dataset.id, { config: { command: 'true' } });
    const answer = await (await send(server, 'POST', `/api/training/jobs/${job.id}/cancel`)).json();
    expect(answer.job.state).toBe('cancelled');
    agent = await startAgent(server);
    const next = await makeJob(server, dataset.id, { config: { command: 'true' } });
    await reached(server, next.id, 'completed');
    expect(await jobOf(server, job.id)).toMatchObject({ state: 'cancelled', attempt: 1, claimed_by: null });
  });

  test('ends a running command and all that it started, and the agent goes on', async () => {
    const job = await makeJob(server, dataset.id, { config: { command: python(stubborn) } });
    const said = await eventually(server, job.id, ({ data }) => data.text?.includes('pids ') === true);
    const pids =
      /pids (\d+) (\d+)/
        .exec(said.data.text ?? '')
        ?.slice(1)
        .map(Number) ?? [];
    expect(pids.map(isAlive)).toEqual([true, true]);
    await send(server, 'POST', `/api/training/jobs/${job.id}/cancel`);
    const next = await makeJob(server, dataset.id, { config: { command: 'true' } });
    await reached(server, next.id, 'completed');
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect((await jobOf(server, job.id)).state).toBe('cancelled');
    expect(agent.logs()).toContain('asked to stop');
  });

  test('of a job that has ended is refused, of a cancelled one it is fine', async () => {
    const job = await makeJob(server, dataset.id, { config: { command: 'true' } });
    await reached(server, job.id, 'completed');
    expect((await send(server, 'POST', `/api/training/jobs/${job.id}/cancel`)).status).toBe(409);
  });
});

describe('events', () => {
  test('go on where a reader stopped, and end with the job', async () => {
    const job = await makeJob(server, dataset.id, {
      config: { command: python('for i in range(5): print("line", i)') },
    });
    await reached(server, job.id, 'completed');
    const all = await eventsOf(server, job.id);
    const middle = all[Math.floor(all.length / 2)]?.id ?? 0;
    const headers = { accept: 'text/event-stream', 'last-event-id': String(middle) };
    const response = await server.fetch(`/api/training/jobs/${job.id}/events`, { headers });
    const rest = [];
    for await (const frame of frames(response)) rest.push(frame);
    expect(rest.at(-1)).toMatchObject({ event: 'end', data: expect.stringContaining('"completed"') });
    expect(rest.slice(0, -1).map((frame) => Number(frame.id))).toEqual(
      all.map(({ id }) => id).filter((id) => id > middle),
    );
    const page = await (await server.fetch(`/api/training/jobs/${job.id}/events?limit=2&cursor=${middle}`)).json();
    expect(page.events).toHaveLength(2);
    expect(page.last_id).toBe(page.events[1].id);
  });
});

describe('a worker with a token', () => {
  test('does one part of several', async () => {
    const { LONGSHORE_JOB_ID: id, ...environment } = await claimed({
      command: 'wc -l < $DATASET_PATH; sha256sum < $DATASET_PATH',
    });
    const env = { ...environment, LONGSHORE_JOB_ID: id };
    const whole = createHash('sha256')
      .update(
        chatRecords(200)
          .split('\n')
          .slice(66, 133)
          .map((l) => `${l}\n`)
          .join(''),
      )
      .digest('hex');
    for (const index of [0, 1, 2]) {
      const worker = await startWorker(['run', '--shard', `${index}/3`], env);
      expect(await worker.exited, worker.logs()).toBe(0);
      if (index === 1) expect(worker.logs()).toContain(whole);
      expect((await jobOf(server, id)).state).toBe(index === 2 ? 'completed' : 'running');
    }
    const counts = (await logOf(server, id)).split('\n').filter((line) => /^\d+$/.test(line));
    expect(counts).toEqual(['66', '67', '67']);
  });

  test('opens this job only, and nothing once it is over', async () => {
    const env = await claimed({ command: 'true' });
    const [other, { LONGSHORE_JOB_ID: id, LONGSHORE_JOB_TOKEN: token }] = [await claimed({}), env];
    const get = (path: string) => fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } });
    const located = await get(`/api/training/jobs/${id}/dataset`);
    expect(await located.json()).toMatchObject({ provider: 'filesystem', content_sha256: dataset.content_sha256 });
    expect((await get(`/api/training/jobs/${id}/dataset?as=redirect`)).status).toBe(200);
    expect((await get(`/api/training/jobs/${other.LONGSHORE_JOB_ID}/dataset`)).status).toBe(403);
    for (const path of ['/api/training/jobs', `/api/training/jobs/${id}`, '/api/training/dataset', '/api/keys'])
      expect((await get(path)).status).toBe(401);
    await send(server, 'POST', `/api/training/jobs/${id}/cancel`);
    const gone = await get(`/api/training/jobs/${id}/dataset`);
    expect([gone.status, (await gone.json()).code]).toEqual([410, 'job_over']);
    const worker = await startWorker(['run'], env);
    expect(await worker.exited).toBe(3);
  });

  test('hands its job back when its machine stops it, and another goes on', async () => {
    const env = await claimed({ command: 'echo up; sleep 600' });
    const { LONGSHORE_JOB_ID: id } = env;
    const worker = await startWorker(['run'], env);
    await eventually(server, id, ({ data }) => data.text === 'up\n');
    expect(await worker.stop('SIGTERM')).toBe(1);
    await eventually(server, id, ({ attempt, data }) => attempt === 2 && data.to === 'running');
    await send(server, 'POST', `/api/training/jobs/${id}/cancel`);
  });

  /** As a target would start it: not by the agent. */
  async function claimed(
    config: Record<string, unknown>,
  ): Promise<Record<string, string> & { LONGSHORE_JOB_ID: string; LONGSHORE_JOB_TOKEN: string }> {
    await agent.stop();
    const job = await makeJob(server, dataset.id, { config, policy: { heartbeat_timeout_seconds: 600 } });
    const response = await send(server, 'POST', '/api/training/jobs/claim', { worker: 'test' });
    const { environment } = await response.json();
    agent = await startAgent(server);
    return { ...environment, LONGSHORE_URL: server.url, LONGSHORE_JOB_ID: job.id };
  }
});

describe('secrets', () => {
  test('are in no log, event, job or file of the server', async () => {
    const config = {
      command: python('import os; print(dict(os.environ)); print(open("/proc/%d/environ" % os.getppid()).read())'),
      env: { HF_TOKEN: 'hf_abcdefghijklmnopqrstuvwx' },
    };
    const job = await makeJob(server, dataset.id, { config });
    await reached(server, job.id, 'completed', 'failed');
    const shown = JSON.stringify([await jobOf(server, job.id), await eventsOf(server, job.id)]);
    const token = /lsj_[A-Za-z0-9_-]+/;
    for (const text of [shown, server.logs(), agent.logs()]) {
      expect(text).not.toMatch(token);
      expect(text).not.toContain(server.adminKey);
      expect(text).not.toMatch(/[?&](signature|sig|X-Amz-Signature|token)=(?!\[)/i);
    }
    expect(shown).not.toContain('hf_abcdefghijklmnop');
  });
});
