import { afterEach, describe, expect, it } from 'vitest';
import {
  type LambdaSandbox,
  type LambdaSandboxOptions,
  startLambdaSandbox,
} from '@/sandbox/providers/start-lambda-sandbox.ts';
import { DATASET, lambdaFor, Outgoing, secretsOf, TOKEN, WORKER } from '@/tests/support/deploy-targets.ts';
import { lambdaOptions } from './lambda-target.ts';

let sandbox: LambdaSandbox;
let outgoing: Outgoing;
afterEach(async () => await sandbox.close());

async function start(options: LambdaSandboxOptions = {}, account: { key?: string; ssh?: string } = {}) {
  sandbox = await startLambdaSandbox(options);
  outgoing = new Outgoing();
  const { key = sandbox.apiKey, ssh = 'default-key' } = account;
  const metadata = ssh === '' ? {} : { lambda: { ssh_key_name: ssh } };
  return lambdaFor(sandbox, secretsOf({ lambda: { api_key: key, metadata } }), outgoing);
}

const NAME = 'longshore-job-1-1';
const request = (options: object = {}) => ({
  userId: 'ada',
  name: NAME,
  options: lambdaOptions.parse({ region: 'us-east-1', ...options }),
  dataset: DATASET,
  worker: WORKER,
});
const ref = (id?: string) => ({ userId: 'ada', name: NAME, id, region: 'us-east-1' });

/** What cloud-init would read. */
function cloudConfig(text: string | null | undefined) {
  expect(text).toMatch(/^#cloud-config\n/);
  return JSON.parse((text ?? '').slice('#cloud-config\n'.length)) as {
    write_files: { path: string; permissions: string; content: string }[];
    runcmd: string[][];
  };
}

describe('an instance', () => {
  it('is launched with user data that starts the worker, watched, and ended until it is gone', async () => {
    const target = await start();
    const { id } = await target.launch(request());
    const [instance] = sandbox.instances.list();
    expect(instance).toMatchObject({ id, name: NAME, ssh_key_names: ['default-key'], region_name: 'us-east-1' });
    const { write_files, runcmd } = cloudConfig(instance?.user_data);
    const environment = write_files.find(({ path }) => path.endsWith('environment.json'));
    expect(environment?.permissions).toBe('0600');
    expect(JSON.parse(environment?.content ?? '')).toEqual(WORKER.environment);
    expect(runcmd[0]).toContain(write_files.find(({ path }) => path.endsWith('start.py'))?.path);
    expect([(await target.describe(ref(id))).phase, (await target.describe(ref(id))).phase]).toEqual([
      'starting',
      'running',
    ]);
    const ends = [];
    for (let i = 0; i < 3; i += 1) ends.push(await target.end(ref(id)));
    expect(ends).toEqual(['ending', 'ending', 'gone']);
    expect(sandbox.instances.list()).toEqual([]);
  });

  it('is planned as it would be sent, without what is secret', async () => {
    const target = await start();
    const plan = await target.plan(request({ ssh_key_name: 'other' }));
    expect(outgoing.requests).toEqual([]);
    expect(plan.requests[0]?.body).toMatchObject({ ssh_key_names: ['other'], instance_type_name: 'gpu_1x_a10' });
    for (const secret of [TOKEN, 'hf_theUsersOwnToken00', sandbox.apiKey])
      expect(JSON.stringify(plan)).not.toContain(secret);
  });

  it('that was taken back or vanished tells so', async () => {
    const target = await start({ advanceOnRead: false });
    const { id } = await target.launch(request());
    sandbox.instances.setStatus(id, 'preempted');
    expect(await target.describe(ref(id))).toMatchObject({ phase: 'stopped', reason: expect.any(String) });
    sandbox.instances.setStatus(id, 'terminated');
    expect(await target.describe(ref(id))).toMatchObject({ phase: 'gone' });
  });
});

describe('a launch', () => {
  it.each([
    ['an error', { kind: 'status', status: 503, when: 'after' } as const],
    ['a lost connection', { kind: 'reset', when: 'after' } as const],
    ['silence', { kind: 'stall', when: 'after' } as const],
  ])('that ends in %s after it was done is found again, and not repeated', async (_what, action) => {
    const target = await start();
    sandbox.faults.add({ operation: 'instance.launch', action });
    const { id } = await target.launch(request());
    expect(sandbox.instances.all().map((instance) => instance.id)).toEqual([id]);
  });

  it('that nobody can say anything about is uncertain, and ended by its name', async () => {
    const target = await start();
    sandbox.faults.add({ operation: 'instance.launch', action: { kind: 'reset', when: 'after' } });
    const unanswered = sandbox.faults.add({ operation: 'instance.list', action: { kind: 'stall' } });
    await expect(target.launch(request())).rejects.toMatchObject({ uncertain: true });
    sandbox.faults.remove(unanswered);
    expect([await target.end(ref()), await target.end(ref())]).toEqual(['ending', 'ending']);
    sandbox.instances.advance(sandbox.instances.all()[0]?.id ?? '');
    expect(await target.end(ref())).toBe('gone');
  });

  it.each([
    ['a wrong key', {}, { key: 'wrong' }, {}, 'target_key_refused'],
    ['an inactive account', { inactive: true }, {}, {}, 'target_forbidden'],
    ['no machine', { capacity: { 'gpu_1x_a10@us-east-1': 0 } }, {}, {}, 'target_no_capacity'],
    ['its quota', { quota: 0 }, {}, {}, 'target_quota'],
    ['an unknown region', {}, {}, { region: 'moon' }, 'target_request_refused'],
    ['an unknown SSH key', {}, { ssh: 'nobody' }, {}, 'target_request_refused'],
    ['no SSH key', {}, { ssh: '' }, {}, 'target_ssh_key_required'],
  ])('is refused for %s', async (_what, options, account, wanted, code) => {
    const target = await start(options, account);
    await expect(target.launch(request(wanted))).rejects.toMatchObject({
      code,
      uncertain: false,
      hint: expect.any(String),
    });
    expect(sandbox.instances.all()).toEqual([]);
  });

  it('waits its turn where Lambda limits the pace', async () => {
    const target = await start();
    sandbox.faults.add({
      operation: 'instance.launch',
      times: 2,
      action: { kind: 'status', status: 429, retryAfterSeconds: 0 },
    });
    await target.launch(request());
    expect(sandbox.log.list('instance.launch').map(({ status }) => status)).toEqual([429, 429, 200]);
  });
});

it('shows types, prices and where they are free', async () => {
  const target = await start({ capacity: { 'gpu_1x_a10@us-west-1': 0 } });
  expect(await target.offers('ada')).toContainEqual({
    ...{ id: 'gpu_1x_a10', title: '1x A10 (24 GB PCIe)', gpus: 1, gpuMemoryGb: 24, usdPerHour: 0.75 },
    ...{ regions: ['us-east-1', 'europe-central-1'], available: true },
  });
});
