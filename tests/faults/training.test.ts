/** Training jobs while stores, servers and workers die: whatever happens, the right bytes, and never a stuck job. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import {
  type DatasetView,
  eventsOf,
  eventually,
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

const HASH = { command: 'echo content $(sha256sum < $DATASET_PATH)' };
const HALF_WAY = 700_000;

/** About 1.5 MB once compressed: long enough to die in. */
function bigRecords(seed: number): string {
  let state = seed;
  const word = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state.toString(36);
  };
  const text = () => Array.from({ length: 60 }, word).join(' ');
  return Array.from({ length: 5000 }, () => `${JSON.stringify({ prompt: text(), completion: word() })}\n`).join('');
}

describe('with a bucket and a safety copy', () => {
  let sandbox: S3Sandbox;
  let server: TestServer;
  let agent: TestWorker | undefined;
  let dataset: DatasetView;

  beforeAll(async () => {
    sandbox = await startS3Sandbox();
    server = await startServer({
      ALLOW_PRIVATE_ENDPOINTS: 'true',
      S3_BUCKET: sandbox.bucket,
      AWS_REGION: sandbox.region,
      AWS_ACCESS_KEY_ID: sandbox.accessKeyId,
      AWS_SECRET_ACCESS_KEY: sandbox.secretAccessKey,
      AWS_ENDPOINT_URL_S3: sandbox.url,
    });
    for (const phase of ['dual_write', 'hybrid_read']) await enter(phase);
    dataset = await upload(server, bigRecords(1));
  });
  afterEach(async () => {
    sandbox.faults.clear();
    sandbox.throttle.set({});
    await agent?.stop();
    agent = undefined;
  });
  afterAll(async () => {
    await server.stop();
    await sandbox.close();
  });

  /** A dataset of its own, whose copies were read back, and where its object is in the bucket: faults concern only it. */
  async function stored(seed: number): Promise<{ own: DatasetView; path: string }> {
    const own = await verified((await upload(server, bigRecords(seed), `set-${seed}`)).id);
    return { own, path: own.replicas.find(({ provider }) => provider === 's3')?.key ?? '' };
  }

  async function enter(phase: string): Promise<void> {
    const response = await send(server, 'POST', '/api/storage/phase', { phase, confirm: true });
    if (!response.ok) throw new Error(await response.text());
  }

  /** Once the background has read every copy back, so that what it reads does not use up a fault. */
  async function verified(id: string): Promise<DatasetView> {
    const copies = async () => (await datasetOf(id)).replicas;
    await expect
      .poll(async () => (await copies()).every((copy) => copy.verified_at !== null), { timeout: 20_000, interval: 100 })
      .toBe(true);
    return datasetOf(id);
  }

  async function datasetOf(id: string): Promise<DatasetView> {
    return (await (await server.fetch(`/api/training/dataset/${id}`)).json()).dataset;
  }

  async function trained(id = dataset.id): Promise<{ log: string; attempt: number }> {
    const job = await makeJob(server, id, { config: HASH });
    agent ??= await startAgent(server);
    const { state, attempt, error } = await reached(server, job.id, 'completed', 'failed');
    const log = await logOf(server, job.id);
    expect({ state, error, log }).toMatchObject({ state: 'completed' });
    return { log, attempt };
  }

  test('the preferred copy is used', async () => {
    const { log } = await trained();
    expect(log).toContain('from s3 in');
    expect(log).toContain(`content ${dataset.content_sha256}`);
  });

  test.each([
    ['breaks off', 11, { kind: 'reset', when: 'response', afterBytes: HALF_WAY } as const, /broke off|ended early/],
    ['goes silent', 12, { kind: 'stall', when: 'response', afterBytes: HALF_WAY } as const, /stalled/],
    ['answers an error', 13, { kind: 'status', status: 503 } as const, /http_503/],
  ])('a store that %s in mid-download and stays away is left for the other', async (_, seed, action, said) => {
    const { own, path } = await stored(seed);
    sandbox.faults.add({ operation: 'GetObject', path, times: 1, action });
    sandbox.faults.add({ operation: 'GetObject', path, skip: 1, action: { kind: 'status', status: 503 } });
    const { log, attempt } = await trained(own.id);
    expect(log).toMatch(said);
    expect(log).toContain('from filesystem in');
    expect(log).toContain(`content ${own.content_sha256}`);
    expect(attempt).toBe(1);
  });

  test('a short break is gone on after, where it was', async () => {
    const { own, path } = await stored(14);
    const action = { kind: 'reset', when: 'response', afterBytes: HALF_WAY } as const;
    sandbox.faults.add({ operation: 'GetObject', path, times: 1, action });
    const { log } = await trained(own.id);
    expect(log).toMatch(/s3: (broke off|ended early).*, at byte [1-9]/);
    expect(log).toContain(`fetched ${own.file_size_bytes} bytes from s3 in`);
    const ranges = sandbox.log.list('GetObject').filter((request) => request.path.includes(path));
    expect(ranges.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('an address that has expired is asked for anew', async () => {
    const { own, path } = await stored(15);
    const action = { kind: 'status', status: 403, code: 'AccessDenied', message: 'Request has expired' } as const;
    sandbox.faults.add({ operation: 'GetObject', path, times: 1, action });
    const { log } = await trained(own.id);
    expect(log).toContain('s3: http_403, at byte 0');
    expect(log).toContain('from s3 in');
  });

  test('a worker that starts long after its address expired has a fresh one', async () => {
    const job = await makeJob(server, dataset.id, { config: HASH, policy: { heartbeat_timeout_seconds: 600 } });
    const { environment } = await (await send(server, 'POST', '/api/training/jobs/claim', { worker: 'late' })).json();
    const headers = { authorization: `Bearer ${environment.LONGSHORE_JOB_TOKEN}` };
    const located = await fetch(`${server.url}/api/training/jobs/${job.id}/dataset?expires_in=1`, { headers });
    const { url } = await located.json();
    await expect.poll(async () => (await fetch(url, { headers: { range: 'bytes=0-0' } })).status).toBe(403);
    const worker = await startWorker(['run', '--url-seconds', '60'], { ...environment, LONGSHORE_URL: server.url });
    expect(await worker.exited, worker.logs()).toBe(0);
    expect((await jobOf(server, job.id)).state).toBe('completed');
  });

  test('a copy that was damaged is told, replaced, and not trained on', async () => {
    const { own, path: key } = await stored(2);
    await sandbox.objects.corrupt(key, 500_000);
    const { log } = await trained(own.id);
    expect(log).toContain('the copy on s3 is bad');
    expect(log).toContain('from filesystem in');
    expect(log).toContain(`content ${own.content_sha256}`);
    await expect.poll(() => replaced(own.id, key), { timeout: 20_000, interval: 200 }).toBe(true);
  });

  /** Whether the bucket has a good copy that is not the one at `key`. */
  async function replaced(id: string, key: string): Promise<boolean> {
    return (await datasetOf(id)).replicas.some(
      (copy) => copy.provider === 's3' && copy.state === 'completed' && copy.verified_at !== null && copy.key !== key,
    );
  }

  test('the same bytes are fetched after the dataset has moved', async () => {
    const { own, path: key } = await stored(3);
    const job = await makeJob(server, own.id, { config: HASH });
    await sandbox.objects.remove(key);
    await send(server, 'POST', `/api/training/dataset/${own.id}/verify`);
    await enter('base_only');
    agent = await startAgent(server);
    await reached(server, job.id, 'completed');
    expect(await logOf(server, job.id)).toContain(`content ${own.content_sha256}`);
    for (const phase of ['dual_write', 'hybrid_read']) await enter(phase);
    expect((await trained(own.id)).log).toContain(`content ${own.content_sha256}`);
  });

  test('a cancel in mid-download ends it, and the agent takes the next job', async () => {
    sandbox.throttle.set({ downBytesPerSecond: 100_000 });
    const job = await makeJob(server, dataset.id, { config: HASH });
    agent = await startAgent(server);
    await eventually(server, job.id, ({ data }) => data.stage === 'fetch');
    await send(server, 'POST', `/api/training/jobs/${job.id}/cancel`);
    sandbox.throttle.set({});
    await trained();
    expect(await jobOf(server, job.id)).toMatchObject({ state: 'cancelled', attempt: 1 });
    expect(await logOf(server, job.id)).not.toContain('content');
  });
});

describe('when a process dies', () => {
  let folder: string;
  let server: TestServer;
  let dataset: DatasetView;
  let agents: TestWorker[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-training-'));
    server = await startServer({ DATA_DIR: join(folder, 'data') });
    dataset = await upload(server, bigRecords(4));
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function withAgent(): Promise<TestWorker> {
    const agent = await startAgent(server);
    agents.push(agent);
    return agent;
  }

  /** Prints, and goes on printing until the file is there. */
  const counting = (gate: string) => `
import os, time
print("pid", os.getpid(), flush=True)
step = 0
while not os.path.exists(${JSON.stringify(gate)}):
    step += 1
    print("line", step, flush=True)
    time.sleep(0.02)
print("through after", step, flush=True)
`;

  test('the server: the command runs on, and all it said arrives once', async () => {
    const gate = join(folder, 'restarted');
    const job = await makeJob(server, dataset.id, { config: { command: ['python3', '-c', counting(gate)] } });
    await withAgent();
    await eventually(server, job.id, ({ data }) => data.text?.includes('line 5\n') === true);
    await server.kill9();
    const port = new URL(server.url).port;
    server = await startServer({ DATA_DIR: server.dataDir, PORT: port });
    await writeFile(gate, '');
    expect(await reached(server, job.id, 'completed', 'failed')).toMatchObject({ state: 'completed', attempt: 1 });
    const lines = (await logOf(server, job.id)).split('\n').filter((line) => line.startsWith('line '));
    const through = Number(/through after (\d+)/.exec(await logOf(server, job.id))?.[1]);
    expect(lines).toEqual(Array.from({ length: through }, (_, index) => `line ${index + 1}`));
  });

  test('the worker: what it ran ends with it, and another begins again', async () => {
    const gate = join(folder, 'second');
    const job = await makeJob(server, dataset.id, {
      config: { command: ['python3', '-c', counting(gate)] },
      policy: { heartbeat_timeout_seconds: 1 },
    });
    const first = await withAgent();
    const said = await eventually(server, job.id, ({ data }) => data.text?.includes('pid ') === true);
    const pid = Number(/pid (\d+)/.exec(said.data.text ?? '')?.[1]);
    await first.stop('SIGKILL');
    agents = [];
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    await writeFile(gate, '');
    await withAgent();
    expect(await reached(server, job.id, 'completed', 'failed')).toMatchObject({ state: 'completed', attempt: 2 });
    const states = (await eventsOf(server, job.id, 'state')).map(({ data }) => data.to);
    expect(states).toEqual([
      'pending',
      'starting',
      'fetching',
      'running',
      'pending',
      'starting',
      'fetching',
      'running',
      'completed',
    ]);
  });

  test('the worker of a job that may not begin again: it has failed, with the reason', async () => {
    const job = await makeJob(server, dataset.id, {
      config: { command: 'echo up; sleep 600' },
      policy: { heartbeat_timeout_seconds: 1, max_attempts: 1 },
    });
    const agent = await withAgent();
    await eventually(server, job.id, ({ data }) => data.text === 'up\n');
    await agent.stop('SIGKILL');
    agents = [];
    expect(await reached(server, job.id, 'failed')).toMatchObject({ error: { code: 'worker_silent', stage: 'train' } });
  });

  test('a file from a fetch that did not end is never taken for the dataset', async () => {
    const job = await makeJob(server, dataset.id, { config: { command: 'ls; echo seen' } });
    const agent = await withAgent();
    await reached(server, job.id, 'completed');
    expect(await logOf(server, job.id)).not.toContain('.part');
    expect(existsSync(join(agent.workDir, job.id, 'dataset.jsonl'))).toBe(false);
  });
});
