/** Rented machines that really run: the provider starts what it was asked to start, and the worker does its work there. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chatRecords } from '@/tests/support/chat-file.ts';
import {
  closeProviders,
  credentialsFor,
  type Providers,
  providerEnvironment,
  startProviders,
} from '@/tests/support/deploy-lab.ts';
import { RentedMachines } from '@/tests/support/rented-machines.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import { type DatasetView, eventsOf, jobOf, logOf, send, upload } from '@/tests/support/training.ts';

const SCRIPT = `
import hashlib, json, os
print("content", hashlib.sha256(open(os.environ["DATASET_PATH"], "rb").read()).hexdigest())
print("mine", len(os.environ["HF_TOKEN"]), "theirs", [name for name in os.environ if "LONGSHORE" in name])
print(json.dumps({"step": 1, "loss": 0.5}))
`;
const USER_SECRET = 'hf_aSecretOfTheUsersOwn';
const MACHINE = {
  runpod: {},
  lambda: { region: 'us-east-1' },
  sagemaker: { image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1' },
} as const;
type Name = keyof typeof MACHINE;

const machines = new RentedMachines();
let providers: Providers;
let server: TestServer;
/** Of servers that were killed. */
let earlierLogs = '';
let dataset: DatasetView;

beforeAll(async () => {
  providers = await startProviders({
    runpod: { onRunning: (pod) => machines.runPod(pod) },
    lambda: { onActive: (instance) => machines.runInstance(instance) },
    sagemaker: { onTraining: (job) => machines.runTrainingJob(providers.s3, job) },
  });
  server = await startServer(providerEnvironment(providers));
  for (const [provider, secret] of Object.entries(credentialsFor(providers))) {
    expect((await send(server, 'PUT', `/api/secrets/${provider}`, secret)).status).toBe(200);
  }
  expect((await send(server, 'POST', '/api/storage/phase', { phase: 'dual_write' })).status).toBe(200);
  dataset = await upload(server, chatRecords(300));
  await vi.waitFor(
    async () => {
      const shown = await (await server.fetch(`/api/training/dataset/${dataset.id}`)).json();
      for (const copy of shown.dataset.replicas) expect(copy.verified_at).not.toBeNull();
    },
    { timeout: 20_000, interval: 100 },
  );
});
afterAll(async () => {
  await machines.stop();
  await server.stop();
  await closeProviders(providers);
});

async function deploy(name: Name, script = SCRIPT) {
  const config = { command: ['python3', '-c', script], env: { HF_TOKEN: USER_SECRET } };
  const answer = await send(server, 'POST', `/api/training/deploy/${name}`, {
    dataset_id: dataset.id,
    config,
    ...MACHINE[name],
  });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return (await answer.json()).job;
}

/** Each look moves a sandbox machine one step on, as time would. */
const until = (name: Name, id: string, states: string[]) =>
  vi.waitFor(
    async () => {
      await server.fetch(`/api/training/deploy/${name}?job_id=${id}`);
      const job = await jobOf(server, id);
      expect(states, JSON.stringify(job) + machines.output).toContain(job.state);
      return job;
    },
    { timeout: 40_000, interval: 200 },
  );

const nothingLeft = (name: Name) =>
  vi.waitFor(
    () => {
      const left = {
        runpod: providers.runpod.pods.list().length,
        lambda: providers.lambda.instances.list().filter(({ status }) => status !== 'terminating').length,
        sagemaker: providers.sagemaker.jobs.running().filter(({ status }) => status !== 'Stopping').length,
      };
      expect(left[name]).toBe(0);
    },
    { timeout: 30_000, interval: 100 },
  );

describe.each(['runpod', 'lambda', 'sagemaker'] as const)('%s', (name) => {
  it('fetches its worker, proves its dataset, trains, and is ended', async () => {
    const before = server.logs().length;
    const { id } = await deploy(name);
    expect(await until(name, id, ['completed', 'failed'])).toMatchObject({ state: 'completed', error: null });
    const log = await logOf(server, id);
    expect(log).toContain(`content ${dataset.content_sha256}\n`);
    expect(log).toContain(`mine ${USER_SECRET.length} theirs []`);
    expect((await eventsOf(server, id, 'metric')).map(({ data }) => data)).toEqual([
      { step: 1, values: { loss: 0.5 } },
    ]);
    // SageMaker brings the object itself, from the bucket; the others are handed it by our file store.
    expect(/GET \/files\/|"path":"\/files\//.test(server.logs().slice(before))).toBe(name !== 'sagemaker');
    await nothingLeft(name);
  });
});

it('ends a pod whose job is cancelled while it trains', async () => {
  const { id } = await deploy('runpod', 'import time\nprint("training", flush=True)\ntime.sleep(600)');
  await until('runpod', id, ['running']);
  expect((await server.fetch(`/api/training/deploy/runpod?job_id=${id}`, { method: 'DELETE' })).status).toBe(200);
  expect((await jobOf(server, id)).state).toBe('cancelled');
  await nothingLeft('runpod');
});

it('goes on after the server was killed in the middle, and its machine ends with the job', async () => {
  const { id } = await deploy('runpod', 'import time\ntime.sleep(600)');
  await until('runpod', id, ['running']);
  const { port } = new URL(server.url);
  await server.kill9();
  earlierLogs += server.logs();
  server = await startServer({ ...providerEnvironment(providers), DATA_DIR: server.dataDir, PORT: port });
  expect((await jobOf(server, id)).state).toBe('running');
  await server.fetch(`/api/training/deploy/runpod?job_id=${id}`, { method: 'DELETE' });
  await nothingLeft('runpod');
});

it('leaves no pod behind when the server is killed while it is being made', async () => {
  const stall = providers.runpod.faults.add({ operation: 'pod.create', action: { kind: 'stall', when: 'after' } });
  const unanswered = deploy('runpod').catch(() => undefined);
  await vi.waitFor(() => expect(providers.runpod.pods.list()).toHaveLength(1), { timeout: 20_000 });
  const { port } = new URL(server.url);
  await server.kill9();
  earlierLogs += server.logs();
  await unanswered;
  providers.runpod.faults.remove(stall);
  server = await startServer({ ...providerEnvironment(providers), DATA_DIR: server.dataDir, PORT: port });
  const { jobs } = await (await server.fetch('/api/training/jobs?limit=1')).json();
  expect(jobs[0]).toMatchObject({ state: 'starting', remote: { state: 'creating' } });
  await server.fetch(`/api/training/deploy/runpod?job_id=${jobs[0].id}`, { method: 'DELETE' });
  await nothingLeft('runpod');
});

it('describes itself', async () => {
  const { paths } = await (await server.fetch('/openapi.json')).json();
  for (const target of ['local', 'runpod', 'lambda', 'sagemaker']) {
    const { post } = paths[`/api/training/deploy/${target}`];
    const { properties } = post.requestBody.content['application/json'].schema;
    expect(properties).toMatchObject({ dataset_id: { type: 'string' }, dry_run: { type: 'boolean' } });
  }
  expect(
    paths['/api/training/deploy/runpod'].post.requestBody.content['application/json'].schema.properties,
  ).toMatchObject({ gpu_type: { type: 'string' } });
});

it('shows nothing secret: not in what the providers were asked, not in events, not in logs', async () => {
  const { runpod, lambda, s3, sagemaker } = providers;
  const installation = [runpod.apiKey, lambda.apiKey, s3.secretAccessKey, server.adminKey, 'X-Amz-Signature'];
  const requests = JSON.stringify([runpod.pods.all(), lambda.instances.all(), sagemaker.jobs.list()]);
  expect(requests).toContain(USER_SECRET);
  expect([...installation, s3.accessKeyId].filter((secret) => requests.includes(secret))).toEqual([]);
  for (const { env } of runpod.pods.all()) {
    expect(Object.keys(env).sort()).toEqual(['HF_TOKEN', 'LONGSHORE_JOB_ID', 'LONGSHORE_JOB_TOKEN', 'LONGSHORE_URL']);
  }
  const tokens = runpod.pods.all().map(({ env }) => env.LONGSHORE_JOB_TOKEN ?? '');
  const { jobs } = await (await server.fetch('/api/training/jobs?limit=200')).json();
  const told = await Promise.all(jobs.map((job: { id: string }) => eventsOf(server, job.id)));
  for (const text of [JSON.stringify(jobs), JSON.stringify(told), earlierLogs + server.logs(), machines.output]) {
    expect([...installation, ...tokens, USER_SECRET].filter((secret) => text.includes(secret))).toEqual([]);
  }
});

it('opens nothing any more with the token of a job that is over', async () => {
  const [pod] = providers.runpod.pods.all();
  const headers = { authorization: `Bearer ${pod?.env.LONGSHORE_JOB_TOKEN}` };
  const own = await server.fetch(`/api/training/jobs/${pod?.env.LONGSHORE_JOB_ID}/dataset`, { headers });
  expect([own.status, (await own.json()).code]).toEqual([410, 'job_over']);
});
