/** Deploying: every answer of the routes, and every refusal of a provider, against the providers' protocols. */
import { describe, expect, it } from 'vitest';
import { GET as OFFERS } from '@/app/api/training/deploy/runpod/offers/route.ts';
import { GET as EVENTS } from '@/app/api/training/jobs/[id]/events/route.ts';
import { GET as JOBS } from '@/app/api/training/jobs/route.ts';
import { deployApplication, USER_SECRET } from '@/tests/support/deploy-application.ts';

const bench = deployApplication();

async function events(id: string): Promise<string> {
  const answer = await bench.lab.call(EVENTS, { path: `/api/training/jobs/${id}/events?limit=1000`, params: { id } });
  return answer.text();
}

describe.each(['runpod', 'lambda', 'sagemaker'] as const)('a job on %s', (name) => {
  it('is planned without anything being made, or anything secret being shown', async () => {
    const { status, body } = await bench.post(name, { dry_run: true });
    expect(status).toBe(200);
    expect(body).toMatchObject({ dry_run: true, plan: { requests: [{ method: 'POST' }] } });
    expect(body.preflight.checks).toContainEqual(
      expect.objectContaining({ code: 'public_url_unreachable', status: 'warning', remedy: expect.any(String) }),
    );
    expect(JSON.stringify(body)).toContain('***');
    expect(JSON.stringify(body)).not.toContain(USER_SECRET);
    expect(bench.rented(name)).toBe(0);
  });

  it('is made, shown, and cancelled together with its machine, by its owner only', async () => {
    const made = await bench.post(name);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const { job } = made.body;
    expect(job).toMatchObject({ state: 'starting', target: name, remote: { provider: name, id: expect.any(String) } });
    expect(bench.rented(name)).toBe(1);
    expect((await bench.ask('GET', name, job.id)).body).toMatchObject({ machine: { phase: 'starting' } });
    expect((await bench.ask('GET', name, job.id, bench.poorKey)).status).toBe(404);
    expect((await bench.ask('DELETE', name, job.id, bench.poorKey)).status).toBe(404);
    expect((await bench.ask('DELETE', 'local', job.id)).status).toBe(404);
    expect((await bench.ask('DELETE', name, job.id)).body.job.state).toBe('cancelled');
    expect((await bench.ask('DELETE', name, job.id)).body.job.state).toBe('cancelled');
    await bench.nothingLeft(name);
  });

  it('is made once however often its request is sent with one key, and the key serves no other request', async () => {
    const headers = { 'idempotency-key': `once-${name}` };
    const first = await bench.post(name, {}, { headers });
    const again = await bench.post(name, {}, { headers });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.job.id).toBe(first.body.job.id);
    expect(bench.rented(name)).toBe(1);
    const other = await bench.post(name, { config: { command: 'python other.py' } }, { headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    await bench.ask('DELETE', name, first.body.job.id);
    await bench.nothingLeft(name);
  });

  it('shows nothing secret in its row, its events, or its status', async () => {
    const { body } = await bench.post(name);
    const shown =
      JSON.stringify(body) +
      (await events(body.job.id)) +
      JSON.stringify((await bench.ask('GET', name, body.job.id)).body);
    const [row] = (
      await bench.lab.app.database.db.execute(`select * from longshore.training_jobs where id = '${body.job.id}'`)
    ).rows;
    for (const text of [shown, JSON.stringify(row)]) expect(secretsIn(text)).toEqual([]);
    expect(body.job.config.environment_names).toEqual(['HF_TOKEN']);
    await bench.ask('DELETE', name, body.job.id);
    await bench.nothingLeft(name);
  });

  it('needs credentials', async () => {
    const dataset_id = await bench.upload(bench.poorKey);
    const refused = await bench.post(name, { dataset_id }, { key: bench.poorKey });
    expect([refused.status, refused.body.code]).toEqual([409, 'target_secret_missing']);
    expect(refused.body).toMatchObject({ hint: expect.stringContaining('/api/secrets/'), checks: expect.any(Array) });
    const planned = await bench.post(name, { dataset_id, dry_run: true }, { key: bench.poorKey });
    expect(planned.body.preflight.status).toBe('failed');
  });

  it('is refused for a variable that is Longshore’s own, and for somebody else’s dataset', async () => {
    const reserved = await bench.post(name, { config: { env: { LONGSHORE_URL: 'https://evil.example.org' } } });
    expect([reserved.status, reserved.body.code]).toEqual([400, 'invalid_request']);
    expect((await bench.post(name, {}, { key: bench.poorKey })).body.code).toBe('dataset_not_found');
  });
});

describe('refusals', () => {
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
    const refused = await bench.post(name, more);
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    expect(refused.body.hint).toEqual(expect.any(String));
    expect(bench.rented(name)).toBe(0);
  });

  it('leaves a failed job with the reason, and asks nobody to end what was never made', async () => {
    await bench.post('lambda', { region: 'us-west-1' });
    const answer = await bench.lab.call(JOBS, { path: '/api/training/jobs?target=lambda&limit=1' });
    expect((await answer.json()).jobs[0]).toMatchObject({
      state: 'failed',
      error: { code: 'target_no_capacity', stage: 'launch' },
      remote: { state: 'ended' },
    });
  });

  it('of a quota of instances', async () => {
    const action = { kind: 'status', status: 400, code: 'global/quota-exceeded' } as const;
    bench.providers.lambda.faults.add({ operation: 'instance.launch', action });
    const refused = await bench.post('lambda');
    expect([refused.status, refused.body.code]).toEqual([409, 'target_quota']);
  });

  it('come after a preflight that knows the trainer', async () => {
    const preference = await bench.post('runpod', { trainer: 'torchtune', dry_run: true });
    expect(preference.body.preflight.checks).toContainEqual(
      expect.objectContaining({ code: 'dataset_not_for_trainer', status: 'ok' }),
    );
  });
});

describe('a local job', () => {
  it('waits for an agent', async () => {
    const { status, body } = await bench.post('local');
    expect([status, body.job.state, body.job.remote]).toEqual([201, 'pending', null]);
    expect((await bench.ask('DELETE', 'local', body.job.id)).body.job.state).toBe('cancelled');
  });
});

it('shows what RunPod offers', async () => {
  const answer = await bench.lab.call(OFFERS, { path: '/api/training/deploy/runpod/offers' });
  expect((await answer.json()).offers).toContainEqual(
    expect.objectContaining({ id: 'NVIDIA A40', usd_per_hour: 0.4, available: true }),
  );
});

function secretsIn(text: string): string[] {
  const { runpod: pods, lambda: cloud, s3 } = bench.providers;
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
