/** Machines that are half made, die, vanish or are cancelled: whatever a provider does, nothing stays behind. */
import { describe, expect, it, vi } from 'vitest';
import { GET as JOBS } from '@/app/api/training/jobs/route.ts';
import { creating } from '@/lib/training/deploy/rented-machine.ts';
import { CREATIONS, deployApplication, LISTS } from '@/tests/support/deploy-application.ts';

const bench = deployApplication();

describe.each(['runpod', 'lambda', 'sagemaker'] as const)(
  'a creation on %s that nobody heard the answer of',
  (name) => {
    it('fails the job, and its machine is ended as soon as it is seen', async () => {
      const { faults } = bench.providers[name];
      const deaf = faults.add({ operation: CREATIONS[name], action: { kind: 'reset', when: 'after' } });
      const blind = faults.add({ operation: LISTS[name], action: { kind: 'status', status: 503 } });
      const refused = await bench.post(name);
      expect([refused.status, refused.body.code]).toEqual([503, 'target_unavailable']);
      expect(bench.rented(name)).toBe(1);
      faults.remove(deaf);
      faults.remove(blind);
      await bench.nothingLeft(name);
    });

    it('is found again where the provider can be asked', async () => {
      bench.providers[name].faults.add({
        operation: CREATIONS[name],
        times: 1,
        action: { kind: 'reset', when: 'after' },
      });
      const { status, body } = await bench.post(name);
      expect(status).toBe(201);
      expect(bench.rented(name)).toBe(1);
      await bench.ask('DELETE', name, body.job.id);
      await bench.nothingLeft(name);
    });
  },
);

describe('a machine', () => {
  it('that dies ends its job with the reason, and is ended', async () => {
    const { body } = await bench.post('runpod');
    bench.providers.runpod.pods.setStatus(body.job.remote.id, 'EXITED');
    await bench.watch().look();
    expect((await bench.ask('GET', 'runpod', body.job.id)).body.job).toMatchObject({
      state: 'failed',
      error: { code: 'machine_stopped', hint: expect.any(String) },
    });
    await bench.nothingLeft('runpod');
  });

  it('that vanishes ends its job', async () => {
    const { body } = await bench.post('lambda');
    bench.providers.lambda.instances.setStatus(body.job.remote.id, 'terminated');
    await bench.watch().look();
    expect((await bench.ask('GET', 'lambda', body.job.id)).body.job.state).toBe('starting');
    await bench.watch(120_000).look();
    expect((await bench.ask('GET', 'lambda', body.job.id)).body.job).toMatchObject({
      state: 'failed',
      error: { code: 'machine_gone' },
    });
  });

  it('is not given up because its provider does not answer, and asked less and less often', async () => {
    const { body } = await bench.post('runpod');
    const mine = bench.watch();
    bench.providers.runpod.faults.add({ operation: 'pod.get', action: { kind: 'status', status: 500 } });
    bench.providers.runpod.log.clear();
    await mine.look();
    await mine.look();
    expect(bench.providers.runpod.log.list('pod.get')).toHaveLength(3);
    expect((await bench.ask('GET', 'runpod', body.job.id)).body.code).toBe('target_unavailable');
    await bench.ask('DELETE', 'runpod', body.job.id);
    await bench.nothingLeft('runpod');
  });

  it('whose making was cut off by the end of a process is found by its name and ended', async () => {
    const { service } = bench.lab.app.training;
    const { body } = await bench.post('local');
    const { userId } = (await service.find(body.job.id)) ?? { userId: '' };
    const job = await service.create({ userId, datasetId: bench.datasetId, target: 'runpod', config: {} });
    const before = creating(job, undefined, new Date(Date.now() - 20 * 60_000));
    await service.starting(job, before);
    const pod = bench.providers.runpod.pods.place({
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
    await bench.watch().look();
    expect(await service.find(job.id)).toMatchObject({ state: 'failed', error: { code: 'launch_interrupted' } });
    await bench.nothingLeft('runpod');
  });

  it('is ended although its end was refused at first', async () => {
    const { body } = await bench.post('runpod');
    bench.providers.runpod.faults.add({
      operation: 'pod.terminate',
      times: 4,
      action: { kind: 'status', status: 500 },
    });
    await bench.ask('DELETE', 'runpod', body.job.id);
    await bench.nothingLeft('runpod');
  });
});

describe.each(['runpod', 'lambda'] as const)('a cancel while %s makes the machine', (name) => {
  it('ends the job at once and the machine as soon as it is there', async () => {
    const { faults } = bench.providers[name];
    const late = faults.add({ operation: CREATIONS[name], action: { kind: 'stall', when: 'after' } });
    const path = '/api/training/jobs?limit=1';
    const newest = async () => (await (await bench.lab.call(JOBS, { path })).json()).jobs[0];
    const made = bench.rented(name);
    const pending = bench.post(name);
    await vi.waitFor(() => expect(bench.rented(name)).toBe(made + 1), { timeout: 10_000 });
    const job = await newest();
    expect(job).toMatchObject({ target: name, state: 'starting', remote: { state: 'creating' } });
    expect((await bench.ask('DELETE', name, job.id)).body.job.state).toBe('cancelled');
    faults.remove(late);
    await bench.nothingLeft(name);
    const { status } = await pending;
    expect([410, 503]).toContain(status);
    expect((await bench.ask('GET', name, job.id)).body.job.state).toBe('cancelled');
    await bench.nothingLeft(name);
  });
});

describe('SageMaker without a worker', () => {
  it('tells how the job goes', async () => {
    const { body } = await bench.post('sagemaker', { runs: 'image' });
    const id: string = body.job.id;
    const state = async () => (await bench.ask('GET', 'sagemaker', id)).body.job.state;
    for (let i = 0; i < 4; i += 1) await bench.watch().look();
    expect(await state()).toBe('running');
    expect(body.job.remote).toMatchObject({ details: { log_url: expect.stringContaining('cloudwatch') } });
    bench.providers.sagemaker.jobs.finish(body.job.remote.id, 'Completed');
    await bench.watch().look();
    expect(await state()).toBe('completed');
  });

  it('tells why it failed', async () => {
    const { body } = await bench.post('sagemaker', { runs: 'image' });
    bench.providers.sagemaker.jobs.finish(body.job.remote.id, 'Failed', 'AlgorithmError: ExecuteUserScriptError');
    await bench.watch().look();
    expect((await bench.ask('GET', 'sagemaker', body.job.id)).body.job.error).toMatchObject({
      code: 'machine_failed',
      message: expect.stringContaining('ExecuteUserScriptError'),
    });
  });
});

describe('a workflow', () => {
  it('ends with its training job when its owner cancels it', async () => {
    const { service } = bench.lab.app.training;
    const { dag, rented } = bench.lab.app.deploy;
    const { body } = await bench.post('local');
    const userId = (await service.find(body.job.id))?.userId ?? '';
    await bench.ask('DELETE', 'local', body.job.id);
    const { jobId } = await dag.start(userId, {
      dataset: { dataset_id: bench.datasetId },
      steps: [{ type: 'training' }],
    });
    await vi.waitFor(async () => expect(await rented.madeFor(jobId)).toBeDefined(), { timeout: 20_000 });
    await dag.cancel('somebody-else', jobId);
    expect((await rented.madeFor(jobId))?.state).toBe('pending');
    await dag.cancel(userId, jobId);
    await vi.waitFor(async () => expect((await bench.lab.app.jobs.get(jobId))?.state).toBe('cancelled'), {
      timeout: 20_000,
    });
    expect((await rented.madeFor(jobId))?.state).toBe('cancelled');
  });
});
