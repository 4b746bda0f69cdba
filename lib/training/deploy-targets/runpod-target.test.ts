import { afterEach, describe, expect, it } from 'vitest';
import {
  type RunpodSandbox,
  type RunpodSandboxOptions,
  startRunpodSandbox,
} from '@/sandbox/providers/start-runpod-sandbox.ts';
import { DATASET, Outgoing, runpodFor, secretsOf, TOKEN, WORKER } from '@/tests/support/deploy-targets.ts';
import { runpodOptions } from './runpod-target.ts';

let sandbox: RunpodSandbox;
let outgoing: Outgoing;
afterEach(async () => await sandbox.close());

async function start(options: RunpodSandboxOptions = {}, apiKey?: string) {
  sandbox = await startRunpodSandbox(options);
  outgoing = new Outgoing();
  return runpodFor(sandbox, secretsOf({ runpod: { api_key: apiKey ?? sandbox.apiKey, metadata: {} } }), outgoing);
}

const NAME = 'longshore-job-1-1';
const request = (options: object = {}) => ({
  userId: 'ada',
  name: NAME,
  options: runpodOptions.parse(options),
  dataset: DATASET,
  worker: WORKER,
});
const ref = (id?: string) => ({ userId: 'ada', name: NAME, id, region: undefined });

describe('a pod', () => {
  it('is made with the worker’s environment and nothing else, watched, and ended twice without harm', async () => {
    const target = await start();
    const machine = await target.launch(request({ gpu_count: 2 }));
    const [pod] = sandbox.pods.list();
    expect(pod).toMatchObject({ id: machine.id, name: NAME, env: WORKER.environment, gpu: { count: 2 }, disk: 50 });
    expect(Object.keys(pod?.env ?? {}).sort()).toEqual(Object.keys(WORKER.environment).sort());
    expect(machine).toMatchObject({ state: 'PROVISIONING', costUsdPerHour: 0.88 });
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await target.describe(ref(machine.id))).phase);
    expect(seen).toEqual(['starting', 'starting', 'running']);
    expect([await target.end(ref(machine.id)), await target.end(ref(machine.id))]).toEqual(['gone', 'gone']);
    expect(sandbox.pods.list()).toEqual([]);
    expect(await target.describe(ref(machine.id))).toMatchObject({ phase: 'gone' });
  });

  it('is planned as it would be sent, without what is secret, and without sending anything', async () => {
    const target = await start();
    const plan = await target.plan(request());
    expect(outgoing.requests).toEqual([]);
    await target.launch(request());
    const sent = JSON.parse(outgoing.requests[0]?.body ?? '');
    const planned = plan.requests[0]?.body as { env: Record<string, string> };
    expect({ ...planned, env: Object.keys(planned.env) }).toEqual({ ...sent, env: Object.keys(sent.env) });
    expect(planned.env).toMatchObject({ LONGSHORE_JOB_ID: 'job-1', LONGSHORE_JOB_TOKEN: '***', HF_TOKEN: '***' });
    for (const secret of [TOKEN, 'hf_theUsersOwnToken00', sandbox.apiKey])
      expect(JSON.stringify(plan)).not.toContain(secret);
  });

  it('that died tells so', async () => {
    const target = await start({ advanceOnRead: false });
    const { id } = await target.launch(request());
    sandbox.pods.setStatus(id, 'EXITED');
    expect(await target.describe(ref(id))).toMatchObject({ phase: 'stopped', state: 'EXITED' });
    sandbox.pods.setStatus(id, 'ERROR');
    expect((await target.describe(ref(id))).phase).toBe('failed');
  });
});

describe('a creation', () => {
  it.each([
    ['an error after it was done', { kind: 'status', status: 500, when: 'after' } as const],
    ['a lost connection after it was done', { kind: 'reset', when: 'after' } as const],
    ['no answer after it was done', { kind: 'stall', when: 'after' } as const],
  ])('that ends in %s is found again, and not repeated', async (_what, action) => {
    const target = await start();
    sandbox.faults.add({ operation: 'pod.create', action });
    const { id } = await target.launch(request());
    expect(sandbox.pods.all().map((pod) => pod.id)).toEqual([id]);
  });

  it('that nobody can say anything about is uncertain, and everything of its name is ended later', async () => {
    const target = await start();
    sandbox.faults.add({ operation: 'pod.create', action: { kind: 'reset', when: 'after' } });
    const unanswered = sandbox.faults.add({ operation: 'pod.list', action: { kind: 'outage' } });
    await expect(target.launch(request())).rejects.toMatchObject({ code: 'target_unavailable', uncertain: true });
    await expect(target.end(ref())).rejects.toMatchObject({ code: 'target_unavailable' });
    sandbox.faults.remove(unanswered);
    expect(sandbox.pods.list()).toHaveLength(1);
    expect(await target.end(ref())).toBe('gone');
    expect(sandbox.pods.list()).toEqual([]);
  });

  it('that was refused for its pace is repeated, because nothing was done', async () => {
    const target = await start();
    sandbox.faults.add({ operation: 'pod.create', times: 1, action: { kind: 'status', status: 429 } });
    await target.launch(request());
    expect(sandbox.pods.list()).toHaveLength(1);
    sandbox.faults.add({ operation: 'pod.create', action: { kind: 'status', status: 429, retryAfterSeconds: 60 } });
    await expect(target.launch(request())).rejects.toMatchObject({
      code: 'target_rate_limited',
      uncertain: false,
      details: { retry_after_seconds: 60 },
    });
  });

  it.each([
    ['a wrong key', {}, 'wrong', 'target_key_refused'],
    ['a key that may only read', { readOnlyApiKey: 'reader-key' }, 'reader-key', 'target_forbidden'],
    ['no money', { balance: 0 }, undefined, 'target_balance'],
    ['no machine', { gpuTypes: [] }, undefined, 'target_no_capacity'],
  ])('is refused for %s', async (_what, options, key, code) => {
    const target = await start(options, key);
    await expect(target.launch(request())).rejects.toMatchObject({ code, uncertain: false, hint: expect.any(String) });
    expect(sandbox.pods.all()).toEqual([]);
  });

  it('shows what RunPod says about it, without what was sent in confidence', async () => {
    const target = await start();
    const message = `env.HF_TOKEN ${WORKER.environment.HF_TOKEN} and ${TOKEN} and ${sandbox.apiKey} are not nice`;
    sandbox.faults.add({ operation: 'pod.create', action: { kind: 'status', status: 422, message } });
    const error = await target.launch(request()).catch((refused: Error) => refused);
    expect(error).toMatchObject({ code: 'target_request_refused' });
    expect(String(error)).toContain('are not nice');
    for (const secret of [TOKEN, 'hf_theUsersOwnToken00', sandbox.apiKey]) expect(String(error)).not.toContain(secret);
  });
});

describe('the account', () => {
  it('is needed', async () => {
    sandbox = await startRunpodSandbox();
    await expect(runpodFor(sandbox, secretsOf({})).launch(request())).rejects.toMatchObject({
      code: 'target_secret_missing',
    });
  });

  it('sees sizes and prices', async () => {
    const target = await start();
    expect(await target.offers('ada')).toContainEqual({
      ...{ id: 'NVIDIA A40', title: 'A40', gpus: 1, gpuMemoryGb: 48, usdPerHour: 0.4, regions: null, available: true },
    });
  });
});
