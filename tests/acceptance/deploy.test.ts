/** Deploying: every answer of the routes, and every way in which a provider may fail, against the providers' protocols. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PUT as STORE } from '@/app/api/secrets/[provider]/route.ts';
import { POST as ENTER } from '@/app/api/storage/phase/route.ts';
import { POST as CREATE } from '@/app/api/training/dataset/route.ts';
import * as lambda from '@/app/api/training/deploy/lambda/route.ts';
import * as local from '@/app/api/training/deploy/local/route.ts';
import { GET as OFFERS } from '@/app/api/training/deploy/runpod/offers/route.ts';
import * as runpod from '@/app/api/training/deploy/runpod/route.ts';
import * as sagemaker from '@/app/api/training/deploy/sagemaker/route.ts';
import { GET as EVENTS } from '@/app/api/training/jobs/[id]/events/route.ts';
import { GET as JOBS } from '@/app/api/training/jobs/route.ts';
import { POST as ADD_USER } from '@/app/api/users/route.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { MachineWatch } from '@/lib/training/deploy/machine-watch.ts';
import { creating } from '@/lib/training/deploy/rented-machine.ts';
import { type TestRequest, testApplication } from '@/tests/support/application.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';
import {
  closeProviders,
  credentialsFor,
  type Providers,
  providerEnvironment,
  startProviders,
} from '@/tests/support/deploy-lab.ts';

let providers: Providers;
const env: Record<string, string> = {};
beforeAll(async () => {
  providers = await startProviders({
    runpod: { advanceOnRead: false },
    lambda: { capacity: { 'gpu_1x_a10@us-west-1': 0 } },
    sagemaker: { quotas: { 'ml.p4d.24xlarge': 0 } },
  });
  Object.assign(env, providerEnvironment(providers));
});
const lab = testApplication(env);
let datasetId = '';
let poorKey = '';

beforeAll(async () => {
  for (const [provider, json] of Object.entries(credentialsFor(providers))) {
    const stored = await lab.call(STORE, {
      method: 'PUT',
      path: `/api/secrets/${provider}`,
      params: { provider },
      json,
    });
    expect(stored.status, await stored.clone().text()).toBe(200);
  }
  const json = { phase: 'dual_write' };
  const entered = await lab.call(ENTER, { method: 'POST', path: '/api/storage/phase', json });
  expect(entered.status, await entered.clone().text()).toBe(200);
  datasetId = await upload();
  const copies = async () => lab.app.placement.replicas.ofDataset(datasetId);
  await vi.waitFor(
    async () => {
      for (const copy of await copies()) expect(copy.verifiedAt).not.toBeNull();
    },
    { timeout: 20_000 },
  );
  const added = await lab.call(ADD_USER, { method: 'POST', path: '/api/users', json: { name: 'poor' } });
  poorKey = (await added.json()).key;
});
afterAll(() => closeProviders(providers));
beforeEach(() => {
  for (const sandbox of Object.values(providers)) sandbox.faults.clear();
});

async function upload(key?: string): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' };
  const body = chatRecords(50);
  const answer = await lab.call(CREATE, {
    method: 'POST',
    path: `/api/training/dataset?name=${randomUUID()}`,
    headers,
    body,
    key,
  });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return (await answer.json()).dataset.id;
}

const ROUTES = { local, runpod, lambda, sagemaker };
type Name = keyof typeof ROUTES;
const IMAGE = '111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1';
const MACHINE = { local: {}, runpod: {}, lambda: { region: 'us-east-1' }, sagemaker: { image: IMAGE } } as const;
const USER_SECRET = 'hf_aSecretOfTheUsersOwn';

async function post(name: Name, more: object = {}, request: Partial<TestRequest> = {}) {
  const config = { command: 'python train.py', env: name === 'local' ? {} : { HF_TOKEN: USER_SECRET } };
  const json = { dataset_id: datasetId, config, ...MACHINE[name], ...more };
  const answer = await lab.call(ROUTES[name].POST, {
    method: 'POST',
    path: `/api/training/deploy/${name}`,
    json,
    ...request,
  });
  return { status: answer.status, body: await answer.json() };
}

async function ask(method: 'GET' | 'DELETE', name: Name, id: string, key?: string) {
  const path = `/api/training/deploy/${name}?job_id=${id}`;
  const answer = await lab.call(ROUTES[name][method], { method, path, key });
  return { status: answer.status, body: await answer.json() };
}

async function events(id: string): Promise<string> {
  const answer = await lab.call(EVENTS, { path: `/api/training/jobs/${id}/events?limit=1000`, params: { id } });
  return answer.text();
}

/** What still costs money at a provider. */
const rented: Record<Exclude<Name, 'local'>, () => number> = {
  runpod: () => providers.runpod.pods.list().length,
  lambda: () => providers.lambda.instances.list().filter(({ status }) => status !== 'terminating').length,
  sagemaker: () => providers.sagemaker.jobs.running().filter(({ status }) => status !== 'Stopping').length,
};
const nothingLeft = (name: Exclude<Name, 'local'>) =>
  vi.waitFor(() => expect(rented[name]()).toBe(0), { timeout: 20_000, interval: 50 });

/** The watch of the application, as it will be `laterMs` from now. */
function watch(laterMs = 0): MachineWatch {
  const { rented, targets } = lab.app.deploy;
  const now = () => new Date(Date.now() + laterMs);
  return new MachineWatch({ rented, targets, jobs: lab.app.training.service, log: silentLogger(), now });
}

describe.each(['runpod', 'lambda', 'sagemaker'] as const)('a job on %s', (name) => {
  it('is planned without anything being made, or anything secret being shown', async () => {
    const { status, body } = await post(name, { dry_run: true });
    expect(status).toBe(200);
    expect(body).toMatchObject({ dry_run: true, plan: { requests: [{ method: 'POST' }] } });
    expect(body.preflight.checks).toContainEqual(
      expect.objectContaining({ code: 'public_url_unreachable', status: 'warning', remedy: expect.any(String) }),
    );
    expect(JSON.stringify(body)).toContain('***');
    expect(JSON.stringify(body)).not.toContain(USER_SECRET);
    expect(rented[name]()).toBe(0);
  });

  it('is made, shown, and cancelled together with its machine, by its owner only', async () => {
    const made = await post(name);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const { job } = made.body;
    expect(job).toMatchObject({ state: 'starting', target: name, remote: { provider: name, id: expect.any(String) } });
    expect(rented[name]()).toBe(1);
    expect((await ask('GET', name, job.id)).body).toMatchObject({ machine: { phase: 'starting' } });
    expect((await ask('GET', name, job.id, poorKey)).status).toBe(404);
    expect((await ask('DELETE', name, job.id, poorKey)).status).toBe(404);
    expect((await ask('DELETE', 'local', job.id)).status).toBe(404);
    expect((await ask('DELETE', name, job.id)).body.job.state).toBe('cancelled');
    expect((await ask('DELETE', name, job.id)).body.job.state).toBe('cancelled');
    await nothingLeft(name);
  });

  it('shows nothing secret in its row, its events, or its status', async () => {
    const { body } = await post(name);
    const shown =
      JSON.stringify(body) + (await events(body.job.id)) + JSON.stringify((await ask('GET', name, body.job.id)).body);
    const [row] = (
      await lab.app.database.db.execute(`select * from longshore.training_jobs where id = '${body.job.id}'`)
    ).rows;
    for (const text of [shown, JSON.stringify(row)]) expect(secretsIn(text)).toEqual([]);
    expect(body.job.config.environment_names).toEqual(['HF_TOKEN']);
    await ask('DELETE', name, body.job.id);
    await nothingLeft(name);
  });

  it('needs credentials', async () => {
    const dataset_id = await upload(poorKey);
    const refused = await post(name, { dataset_id }, { key: poorKey });
    expect([refused.status, refused.body.code]).toEqual([409, 'target_secret_missing']);
    expect(refused.body).toMatchObject({ hint: expect.stringContaining('/api/secrets/'), checks: expect.any(Array) });
    const planned = await post(name, { dataset_id, dry_run: true }, { key: poorKey });
    expect(planned.body.preflight.status).toBe('failed');
  });

  it('is refused for a variable that is Longshore’s own, and for somebody else’s dataset', async () => {
    const reserved = await post(name, { config: { env: { LONGSHORE_URL: 'https://evil.example.org' } } });
    expect([reserved.status, reserved.body.code]).toEqual([400, 'invalid_request']);
    expect((await post(name, {}, { key: poorKey })).body.code).toBe('dataset_not_found');
  });
});

const CREATIONS = { runpod: 'pod.create', lambda: 'instance.launch', sagemaker: 'CreateTrainingJob' } as const;
const LISTS = { runpod: 'pod.list', lambda: 'instance.list', sagemaker: 'DescribeTrainingJob' } as const;

describe.each(['runpod', 'lambda', 'sagemaker'] as const)(
  'a creation on %s that nobody heard the answer of',
  (name) => {
    it('fails the job, and its machine is ended as soon as it is seen', async () => {
      const { faults } = providers[name];
      const deaf = faults.add({ operation: CREATIONS[name], action: { kind: 'reset', when: 'after' } });
      const blind = faults.add({ operation: LISTS[name], action: { kind: 'status', status: 503 } });
      const refused = await post(name);
      expect([refused.status, refused.body.code]).toEqual([503, 'target_unavailable']);
      expect(rented[name]()).toBe(1);
      faults.remove(deaf);
      faults.remove(blind);
      await nothingLeft(name);
    });

    it('is found again where the provider can be asked', async () => {
      providers[name].faults.add({ operation: CREATIONS[name], times: 1, action: { kind: 'reset', when: 'after' } });
      const { status, body } = await post(name);
      expect(status).toBe(201);
      expect(rented[name]()).toBe(1);
      await ask('DELETE', name, body.job.id);
      await nothingLeft(name);
    });
  },
);

describe('refusals', () => {
  const newest = async () => (await lab.app.training.service.list(await adminId(), { limit: 1 }))[0];
  const adminId = async () => {
    const job = await post('local');
    return (await lab.app.training.service.find(job.body.job.id))?.userId ?? '';
  };

  it.each([
    ['runpod', 'a wrong machine', { gpu_type: 'NVIDIA Abacus' }, 503, 'target_no_capacity'],
    ['lambda', 'no machine there', { region: 'us-west-1' }, 503, 'target_no_capacity'],
    ['lambda', 'an unknown region', { region: 'moon' }, 422, 'target_request_refused'],
    ['lambda', 'an unknown key', { ssh_key_name: 'nobody' }, 422, 'target_request_refused'],
    ['sagemaker', 'a quota', { instance_type: 'ml.p4d.24xlarge' }, 409, 'target_quota'],
    [
      'sagemaker',
      'an unknown role',
      { role_arn: 'arn:aws:iam::111122223333:role/none' },
      422,
      'target_request_refused',
    ],
    ['sagemaker', 'another region', { region: 'eu-west-1' }, 409, 'region_mismatch'],
    ['sagemaker', 'a name that is no instance type', { instance_type: 'large' }, 400, 'invalid_request'],
    ['runpod', 'an unknown option', { gpus: 2 }, 400, 'invalid_request'],
  ] as const)('%s: %s', async (name, _what, more, status, code) => {
    const refused = await post(name, more);
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    expect(refused.body.hint).toEqual(expect.any(String));
    expect(rented[name]()).toBe(0);
  });

  it('leaves a failed job with the reason, and asks nobody to end what was never made', async () => {
    await post('lambda', { region: 'us-west-1' });
    const jobs = await lab.app.database.db.execute(
      `select state, error, remote from longshore.training_jobs where target = 'lambda' order by id desc limit 1`,
    );
    expect(jobs.rows[0]).toMatchObject({
      state: 'failed',
      error: { code: 'target_no_capacity', stage: 'launch' },
      remote: { state: 'ended' },
    });
    expect((await newest())?.target).toBe('local');
  });

  it('of a quota of instances', async () => {
    const action = { kind: 'status', status: 400, code: 'global/quota-exceeded' } as const;
    providers.lambda.faults.add({ operation: 'instance.launch', action });
    const refused = await post('lambda');
    expect([refused.status, refused.body.code]).toEqual([409, 'target_quota']);
  });

  it('names the disk that is too small, and the trainer that refuses', async () => {
    const preference = await post('runpod', { trainer: 'torchtune', dry_run: true });
    expect(preference.body.preflight.checks).toContainEqual(
      expect.objectContaining({ code: 'dataset_not_for_trainer', status: 'ok' }),
    );
  });
});

describe('a machine', () => {
  it('that dies ends its job with the reason, and is ended', async () => {
    const { body } = await post('runpod');
    providers.runpod.pods.setStatus(body.job.remote.id, 'EXITED');
    await watch().look();
    expect((await ask('GET', 'runpod', body.job.id)).body.job).toMatchObject({
      state: 'failed',
      error: { code: 'machine_stopped', hint: expect.any(String) },
    });
    await nothingLeft('runpod');
  });

  it('that vanishes ends its job', async () => {
    const { body } = await post('lambda');
    providers.lambda.instances.setStatus(body.job.remote.id, 'terminated');
    await watch().look();
    expect((await ask('GET', 'lambda', body.job.id)).body.job.state).toBe('starting');
    await watch(120_000).look();
    expect((await ask('GET', 'lambda', body.job.id)).body.job).toMatchObject({
      state: 'failed',
      error: { code: 'machine_gone' },
    });
  });

  it('is not given up because its provider does not answer, and asked less and less often', async () => {
    const { body } = await post('runpod');
    const mine = watch();
    providers.runpod.faults.add({ operation: 'pod.get', action: { kind: 'status', status: 500 } });
    providers.runpod.log.clear();
    await mine.look();
    await mine.look();
    expect(providers.runpod.log.list('pod.get')).toHaveLength(3);
    expect((await ask('GET', 'runpod', body.job.id)).body.code).toBe('target_unavailable');
    await ask('DELETE', 'runpod', body.job.id);
    await nothingLeft('runpod');
  });

  it('whose making was cut off by the end of a process is found by its name and ended', async () => {
    const { service } = lab.app.training;
    const { body } = await post('local');
    const { userId } = (await service.find(body.job.id)) ?? { userId: '' };
    const job = await service.create({ userId, datasetId, target: 'runpod', config: {} });
    const before = creating(job, undefined, new Date(Date.now() - 20 * 60_000));
    await service.starting(job, before);
    const pod = providers.runpod.pods.place({
      ...{
        name: String(before.details?.name),
        image: 'x',
        args: '',
        cmd: [],
        entrypoint: [],
        disk: 20,
        env: {},
        ports: [],
      },
      ...{ gpu: { id: 'NVIDIA A40', count: 1 }, cloud: 'SECURE', dataCenterId: 'X' },
    });
    expect(pod?.name).toContain(job.id);
    await watch().look();
    expect(await service.find(job.id)).toMatchObject({ state: 'failed', error: { code: 'launch_interrupted' } });
    await nothingLeft('runpod');
  });

  it('is ended although its end was refused at first', async () => {
    const { body } = await post('runpod');
    providers.runpod.faults.add({ operation: 'pod.terminate', times: 4, action: { kind: 'status', status: 500 } });
    await ask('DELETE', 'runpod', body.job.id);
    await nothingLeft('runpod');
  });
});

describe.each(['runpod', 'lambda'] as const)('a cancel while %s makes the machine', (name) => {
  it('ends the job at once and the machine as soon as it is there', async () => {
    const { faults } = providers[name];
    const late = faults.add({ operation: CREATIONS[name], action: { kind: 'stall', when: 'after' } });
    const path = '/api/training/jobs?limit=1';
    const newest = async () => (await (await lab.call(JOBS, { path })).json()).jobs[0];
    const made = rented[name]();
    const pending = post(name);
    await vi.waitFor(() => expect(rented[name]()).toBe(made + 1), { timeout: 10_000 });
    const job = await newest();
    expect(job).toMatchObject({ target: name, state: 'starting', remote: { state: 'creating' } });
    expect((await ask('DELETE', name, job.id)).body.job.state).toBe('cancelled');
    faults.remove(late);
    await nothingLeft(name);
    const { status } = await pending;
    expect([410, 503]).toContain(status);
    expect((await ask('GET', name, job.id)).body.job.state).toBe('cancelled');
    await nothingLeft(name);
  });
});

describe('SageMaker without a worker', () => {
  it('tells how the job goes', async () => {
    const { body } = await post('sagemaker', { runs: 'image' });
    const id: string = body.job.id;
    const state = async () => (await ask('GET', 'sagemaker', id)).body.job.state;
    for (let i = 0; i < 4; i += 1) await watch().look();
    expect(await state()).toBe('running');
    expect(body.job.remote).toMatchObject({ details: { log_url: expect.stringContaining('cloudwatch') } });
    providers.sagemaker.jobs.finish(body.job.remote.id, 'Completed');
    await watch().look();
    expect(await state()).toBe('completed');
  });

  it('tells why it failed', async () => {
    const { body } = await post('sagemaker', { runs: 'image' });
    providers.sagemaker.jobs.finish(body.job.remote.id, 'Failed', 'AlgorithmError: ExecuteUserScriptError');
    await watch().look();
    expect((await ask('GET', 'sagemaker', body.job.id)).body.job.error).toMatchObject({
      code: 'machine_failed',
      message: expect.stringContaining('ExecuteUserScriptError'),
    });
  });
});

describe('a local job', () => {
  it('waits for an agent', async () => {
    const { status, body } = await post('local');
    expect([status, body.job.state, body.job.remote]).toEqual([201, 'pending', null]);
    expect((await ask('DELETE', 'local', body.job.id)).body.job.state).toBe('cancelled');
  });
});

describe('a workflow', () => {
  it('ends with its training job when its owner cancels it', async () => {
    const { service } = lab.app.training;
    const { dag, rented } = lab.app.deploy;
    const { body } = await post('local');
    const userId = (await service.find(body.job.id))?.userId ?? '';
    await ask('DELETE', 'local', body.job.id);
    const { jobId } = await dag.start(userId, { dataset: { dataset_id: datasetId }, steps: [{ type: 'training' }] });
    await vi.waitFor(async () => expect(await rented.madeFor(jobId)).toBeDefined(), { timeout: 20_000 });
    await dag.cancel('somebody-else', jobId);
    expect((await rented.madeFor(jobId))?.state).toBe('pending');
    await dag.cancel(userId, jobId);
    await vi.waitFor(async () => expect((await lab.app.jobs.get(jobId))?.state).toBe('cancelled'), { timeout: 20_000 });
    expect((await rented.madeFor(jobId))?.state).toBe('cancelled');
  });
});

it('shows what RunPod offers', async () => {
  const answer = await lab.call(OFFERS, { path: '/api/training/deploy/runpod/offers' });
  expect((await answer.json()).offers).toContainEqual(
    expect.objectContaining({ id: 'NVIDIA A40', usd_per_hour: 0.4, available: true }),
  );
});

function secretsIn(text: string): string[] {
  const { runpod: pods, lambda: cloud, s3 } = providers;
  const secrets = [
    USER_SECRET,
    pods.apiKey,
    cloud.apiKey,
    s3.secretAccessKey,
    s3.accessKeyId,
    'lsj_',
    'X-Amz-Signature',
  ];
  return secrets.filter((secret) => text.includes(secret));
}
