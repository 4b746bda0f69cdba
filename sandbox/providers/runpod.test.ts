import { afterEach, describe, expect, it } from 'vitest';
import { GPU_TYPES } from './runpod-pods.ts';
import { type RunpodSandbox, type RunpodSandboxOptions, startRunpodSandbox } from './start-runpod-sandbox.ts';

let sandbox: RunpodSandbox;

afterEach(async () => await sandbox.close());

async function start(options: RunpodSandboxOptions = {}): Promise<void> {
  sandbox = await startRunpodSandbox(options);
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown, key = sandbox.apiKey): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(`${sandbox.url}/v2${path}`, init);
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

const POD = {
  name: 'longshore-job-1',
  image: 'python:3.12-slim',
  gpu: { id: 'NVIDIA GeForce RTX 4090', count: 1 },
  env: { LONGSHORE_JOB_ID: 'job-1' },
  cmd: ['python', 'worker.py'],
};

const problem = (status: number) => expect.objectContaining({ status, body: expect.objectContaining({ status }) });

describe('pods', () => {
  it('go from PROVISIONING to RUNNING as they are read, and stop costing when terminated', async () => {
    const started: string[] = [];
    await start({ onRunning: (pod) => started.push(pod.env.LONGSHORE_JOB_ID ?? '') });
    const created = await call('POST', '/pods', POD);
    expect(created).toMatchObject({
      status: 201,
      body: { status: 'PROVISIONING', cost: 0.44, env: POD.env, cmd: POD.cmd },
    });
    const path = `/pods/${created.body.id}`;
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await call('GET', path)).body.status);
    expect(seen).toEqual(['PROVISIONING', 'STARTING', 'RUNNING']);
    expect(started).toEqual(['job-1']);
    expect((await call('POST', `${path}/action`, { action: 'start' })).status).toBe(409);
    expect((await call('POST', `${path}/action`, { action: 'stop' })).body).toMatchObject({
      status: 'EXITED',
      cost: 0,
    });
    expect((await call('DELETE', path)).status).toBe(204);
    expect(await call('GET', path)).toEqual(problem(404));
    expect(sandbox.pods.list()).toEqual([]);
  });

  it('are refused with the status that says what to do', async () => {
    await start({ gpuTypes: GPU_TYPES.map((type) => ({ ...type, stock: 1 })), readOnlyApiKey: 'reader' });
    expect(await call('POST', '/pods', { ...POD, imageName: 'v1 field', disk: 0 })).toMatchObject({
      status: 422,
      body: { errors: ['imageName: unknown field', 'disk: must be an integer of at least 1'] },
    });
    expect(await call('POST', '/pods', { ...POD, gpu: undefined })).toEqual(problem(400));
    expect(await call('POST', '/pods', { ...POD, gpu: { ...POD.gpu, count: 2 } })).toEqual(problem(400));
    expect(await call('POST', '/pods', POD, 'wrong')).toEqual(problem(401));
    expect(await call('POST', '/pods', POD, 'reader')).toEqual(problem(403));
    expect(await call('POST', '/pods', { ...POD, args: 'x'.repeat(110_000) })).toEqual(problem(413));
    expect((await call('POST', '/pods', POD)).status).toBe(201);
    expect(await call('POST', '/pods', POD)).toEqual(problem(400));
  });

  it('cannot be paid for without a balance', async () => {
    await start({ balance: 0 });
    expect(await call('POST', '/pods', POD)).toEqual(problem(402));
  });

  it('may exist although the creation seemed to fail', async () => {
    await start();
    sandbox.faults.add({ operation: 'pod.create', times: 1, action: { kind: 'status', status: 500, when: 'after' } });
    expect(await call('POST', '/pods', POD)).toEqual(problem(500));
    const { body } = await call('GET', '/pods');
    expect(body.pods).toMatchObject([{ name: POD.name }]);
  });

  it('are listed in pages', async () => {
    await start({ gpuTypes: GPU_TYPES.map((type) => ({ ...type, stock: 200 })) });
    await Promise.all(Array.from({ length: 101 }, () => call('POST', '/pods', POD)));
    const first = await call('GET', '/pods');
    const { nextCursor } = first.body.pagination as { nextCursor: string };
    const second = await call('GET', `/pods?cursor=${nextCursor}`);
    expect([first, second].map(({ body }) => (body.pods as unknown[]).length)).toEqual([100, 1]);
  });
});

describe('the catalogue', () => {
  it('tells prices, and stock when asked for', async () => {
    await start();
    const path = '/catalog/gpus?include=AVAILABILITY&product=POD';
    expect((await call('GET', path)).body.gpus).toContainEqual(
      expect.objectContaining({ id: POD.gpu.id, price: { secure: 0.44, community: 0.31 }, availability: 'HIGH' }),
    );
    expect(await call('GET', '/catalog/gpus?include=AVAILABILITY')).toEqual(problem(400));
  });
});
