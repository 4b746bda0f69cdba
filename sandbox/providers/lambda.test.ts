import { afterEach, describe, expect, it } from 'vitest';
import { type LambdaSandbox, type LambdaSandboxOptions, startLambdaSandbox } from './start-lambda-sandbox.ts';

let sandbox: LambdaSandbox;

afterEach(async () => await sandbox.close());

async function start(options: LambdaSandboxOptions = {}): Promise<void> {
  sandbox = await startLambdaSandbox(options);
}

interface Answer {
  status: number;
  body: { data?: unknown; error?: { code: string; message: string; suggestion?: string } };
}

async function call(method: string, path: string, body?: unknown, authorization = `Bearer ${sandbox.apiKey}`) {
  const headers = { authorization, 'content-type': 'application/json' };
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(`${sandbox.url}/api/v1${path}`, init);
  return { status: response.status, body: await response.json() } as Answer;
}

const LAUNCH = {
  region_name: 'us-east-1',
  instance_type_name: 'gpu_1x_a10',
  ssh_key_names: ['default-key'],
  name: 'longshore-job-1',
  user_data: '#cloud-config\n',
};

async function launch(more: object = {}): Promise<Answer> {
  return await call('POST', '/instance-operations/launch', { ...LAUNCH, ...more });
}

async function codeOf(answer: Promise<Answer>): Promise<[number, string | undefined]> {
  const { status, body } = await answer;
  return [status, body.error?.code];
}

describe('instances', () => {
  it('boot, become active with an address, and end', async () => {
    const active: (string | null)[] = [];
    await start({ onActive: (instance) => active.push(instance.user_data) });
    const { instance_ids } = (await launch()).body.data as { instance_ids: string[] };
    const [id] = instance_ids;
    const read = async () => (await call('GET', `/instances/${id}`)).body.data as Record<string, unknown>;
    expect(await read()).toMatchObject({ status: 'booting', region: { name: 'us-east-1' }, name: LAUNCH.name });
    const running = await read();
    expect(running).toMatchObject({ status: 'active', ip: '198.51.100.2' });
    expect(JSON.stringify(running)).not.toContain('cloud-config');
    expect(active).toEqual([LAUNCH.user_data]);
    const ended = await call('POST', '/instance-operations/terminate', { instance_ids });
    expect(ended.body.data).toMatchObject({ terminated_instances: [{ id, status: 'terminating' }] });
    await read();
    expect(await codeOf(call('GET', `/instances/${id}`))).toEqual([404, 'global/object-does-not-exist']);
    expect(sandbox.instances.list()).toEqual([]);
  });

  it('are refused by codes', async () => {
    await start({ capacity: { 'gpu_1x_a10@us-west-1': 0 }, quota: 1 });
    expect(await codeOf(launch({ region_name: 'us-west-1' }))).toEqual([
      400,
      'instance-operations/launch/insufficient-capacity',
    ]);
    for (const more of [
      { region_name: 'moon' },
      { instance_type_name: 'gpu_0x' },
      { ssh_key_names: ['a', 'b'] },
      { quantity: 2 },
    ]) {
      expect(await codeOf(launch(more))).toEqual([400, 'global/invalid-parameters']);
    }
    expect((await launch()).status).toBe(200);
    expect(await codeOf(launch())).toEqual([400, 'global/quota-exceeded']);
    const terminate = call('POST', '/instance-operations/terminate', { instance_ids: ['unknown'] });
    expect(await codeOf(terminate)).toEqual([404, 'global/object-does-not-exist']);
  });

  it('may exist although the launch was never answered', async () => {
    await start();
    sandbox.faults.add({ operation: 'instance.launch', times: 1, action: { kind: 'reset', when: 'after' } });
    await expect(launch()).rejects.toThrow();
    expect((await call('GET', '/instances')).body.data).toMatchObject([{ name: LAUNCH.name }]);
  });
});

describe('the account', () => {
  it('is known by Bearer and by Basic, and by nothing else', async () => {
    await start();
    const basic = `Basic ${Buffer.from(`${sandbox.apiKey}:`).toString('base64')}`;
    expect((await call('GET', '/instances', undefined, basic)).status).toBe(200);
    expect(await codeOf(call('GET', '/instances', undefined, 'Bearer wrong'))).toEqual([401, 'global/invalid-api-key']);
  });

  it('may be inactive', async () => {
    await start({ inactive: true });
    expect(await codeOf(launch())).toEqual([403, 'global/account-inactive']);
  });

  it('sees prices and where there is capacity', async () => {
    await start({ capacity: { 'gpu_1x_a10@us-west-1': 0 } });
    const types = (await call('GET', '/instance-types')).body.data as Record<string, unknown>;
    expect(types.gpu_1x_a10).toMatchObject({
      instance_type: { price_cents_per_hour: 75, specs: { gpus: 1 } },
      regions_with_capacity_available: [{ name: 'us-east-1' }, { name: 'europe-central-1' }],
    });
  });
});
