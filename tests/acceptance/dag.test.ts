/** Workflows: steps that read the dataset in the server, steps that wait for training elsewhere, and kills in between. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { JobQueue } from '@/lib/jobs/queue.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { type DagRequest, dagRequest, stepJob } from '@/lib/training/dag/dag-step.ts';
import { isHeldOut } from '@/lib/training/dag/reading-steps.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';
import {
  closeProviders,
  credentialsFor,
  type Providers,
  providerEnvironment,
  startProviders,
} from '@/tests/support/deploy-lab.ts';
import { startTestPostgres, type TestDatabases } from '@/tests/support/postgres.ts';
import { RentedMachines } from '@/tests/support/rented-machines.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import { type DatasetView, reached, send, startAgent, type TestWorker, upload } from '@/tests/support/training.ts';

const LIMIT = 65_536;
const machines = new RentedMachines();
let postgres: TestDatabases;
let providers: Providers;
let env: Record<string, string>;
let server: TestServer;
let database: DatabaseHandle;
let queue: JobQueue;
let userId = '';
let dataset: DatasetView;

beforeAll(async () => {
  postgres = await startTestPostgres();
  providers = await startProviders({ runpod: { onRunning: (pod) => machines.runPod(pod) } });
  const DATABASE_URL = await postgres.createDatabase();
  env = {
    ...providerEnvironment(providers),
    ...{ DATABASE_URL, ENCRYPTION_KEY: 'ab'.repeat(32), DAG_MAX_DATASET_BYTES: String(LIMIT) },
  };
  server = await startServer(env);
  database = await openDatabase({ url: DATABASE_URL, poolSize: 2, log: silentLogger() });
  queue = new JobQueue(database.db);
  expect((await send(server, 'PUT', '/api/secrets/runpod', credentialsFor(providers).runpod)).status).toBe(200);
  dataset = await upload(server, chatRecords(60), 'small');
  userId = (await (await server.fetch('/api/users/me')).json()).user?.id ?? '';
});
afterAll(async () => {
  await machines.stop();
  await database.close();
  await server.stop();
  await closeProviders(providers);
  await postgres.stop();
});

/** As TrainingDag.start does, from another process: the server's runner finds the job. */
async function begin(request: DagRequest, owner = userId): Promise<string> {
  const first = stepJob(owner, { ...dagRequest.parse(request), dag_id: randomUUID(), at: 0, results: [] });
  if (first === undefined) throw new Error('no step');
  return (await queue.enqueue(first)).id;
}

/** The jobs of a workflow once the last of them has ended. */
async function ended(firstId: string, count: number) {
  return vi.waitFor(
    async () => {
      const dagId = (await queue.get(firstId))?.payload.dag_id;
      const jobs = (await queue.list({ userId, limit: 500 }))
        .filter(({ payload }) => payload.dag_id === dagId)
        .reverse();
      const last = jobs.at(-1);
      const over = last?.state === 'failed' || (jobs.length === count && last?.state === 'completed');
      expect(over, JSON.stringify(jobs.map(({ type, state, error }) => [type, state, error]))).toBe(true);
      return jobs;
    },
    { timeout: 60_000, interval: 200 },
  );
}

async function madeBy(jobId: string): Promise<{ id: string; state: string }[]> {
  const { jobs } = await (await server.fetch('/api/training/jobs?limit=200')).json();
  return jobs.filter((job: { config: { work_id?: string } }) => job.config.work_id === jobId);
}

const READING = [
  { type: 'preprocessing', validation_share: 0.25 },
  { type: 'validation', trainer: 'trl' },
] as const;
const train = (seconds: number) => ({
  command: ['python3', '-c', `import time\ntime.sleep(${seconds})\nprint("done")`],
});

describe('a workflow', () => {
  it('goes from step to step, on one’s own machine and on a rented one, and hands on what was found', async () => {
    const agent: TestWorker = await startAgent(server);
    const first = await begin({
      dataset: { storage_path: dataset.storage_path },
      steps: [
        ...READING,
        { type: 'training', config: train(0) },
        { type: 'deployment', target: 'runpod', config: train(0) },
      ],
    });
    const drive = setInterval(() => void advancePods(), 300);
    const jobs = await ended(first, 4).finally(() => clearInterval(drive));
    await agent.stop();
    expect(jobs.map(({ type, state }) => [type, state])).toEqual([
      ['preprocessing', 'completed'],
      ['validation', 'completed'],
      ['training', 'completed'],
      ['deployment', 'completed'],
    ]);
    const held = Array.from({ length: 60 }, (_, index) => isHeldOut(0, index, 0.25)).filter(Boolean).length;
    expect(held).toBeGreaterThan(5);
    expect(jobs[0]?.result).toMatchObject({ records: 60, split: { training: 60 - held, validation: held } });
    expect(jobs[1]?.result).toMatchObject({ records: 60, trainer: 'trl', content_sha256: dataset.content_sha256 });
    for (const job of jobs.slice(2)) expect(await madeBy(job.id)).toMatchObject([{ state: 'completed' }]);
    await vi.waitFor(() => expect(providers.runpod.pods.list()).toEqual([]), { timeout: 20_000 });
  });

  it('reads nothing that is too large, packed or unpacked, and says so before it asks the store', async () => {
    const noise = Array.from({ length: 200 }, () => ({ text: randomBytes(600).toString('base64') }));
    const large = await upload(server, noise.map((record) => `${JSON.stringify(record)}\n`).join(''), 'large');
    const dense = await upload(server, `${JSON.stringify({ text: 'a'.repeat(11 * LIMIT) })}\n`, 'dense');
    for (const { id } of [large, dense]) {
      const before = server.logs().length;
      const [job] = await ended(await begin({ dataset: { dataset_id: id }, steps: [...READING] }), 2);
      expect(job).toMatchObject({ state: 'failed', attempts: 1, error: { code: 'dataset_too_large' } });
      expect(server.logs().slice(before)).not.toContain('/files/');
    }
  });

  it('sees its own user’s datasets only', async () => {
    const other = await begin({ dataset: { dataset_id: dataset.id }, steps: [...READING] }, 'somebody-else');
    await vi.waitFor(
      async () =>
        expect(await queue.get(other)).toMatchObject({ state: 'failed', error: { code: 'dataset_not_found' } }),
      { timeout: 20_000 },
    );
  });

  it('finds damage, and trains on nothing that is damaged', async () => {
    const broken = await upload(server, chatRecords(40, 7), 'broken');
    await database.db.execute(
      `update training_datasets set content_sha256 = repeat('0', 64) where id = '${broken.id}'`,
    );
    const id = await begin({ dataset: { dataset_id: broken.id }, steps: [...READING] });
    await vi.waitFor(async () => expect(await queue.get(id)).toMatchObject({ error: { code: 'object_corrupt' } }), {
      timeout: 20_000,
    });
    await queue.cancel(id);
  });

  it('survives the kill of the server while it trains, and makes no second job', async () => {
    const agent = await startAgent(server);
    const first = await begin({
      dataset: { dataset_id: dataset.id },
      steps: [READING[1], { type: 'training', config: train(4) }],
    });
    const training = await vi.waitFor(
      async () => {
        const jobs = await queue.list({ type: 'training', userId });
        const mine = jobs.find(({ payload, state }) => payload.at === 1 && state !== 'completed');
        const [made] = mine === undefined ? [] : await madeBy(mine.id);
        expect(made).toBeDefined();
        return made?.id ?? '';
      },
      { timeout: 20_000 },
    );
    await reached(server, training, 'running');
    const { port } = new URL(server.url);
    await server.kill9();
    server = await startServer({ ...env, DATA_DIR: server.dataDir, PORT: port });
    const jobs = await ended(first, 2);
    expect(jobs.map(({ state }) => state)).toEqual(['completed', 'completed']);
    expect(await madeBy(jobs[1]?.id ?? '')).toMatchObject([{ id: training, state: 'completed' }]);
    await agent.stop();
  });
});

/** Each look moves a pod one step on. */
async function advancePods(): Promise<void> {
  const { jobs } = await (await server.fetch('/api/training/jobs?target=runpod')).json();
  for (const { id } of jobs) await server.fetch(`/api/training/deploy/runpod?job_id=${id}`);
}
