/** The application in this process with credentials for every provider, and what tests of deployments do with it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import { PUT as STORE } from '@/app/api/secrets/[provider]/route.ts';
import { POST as ENTER } from '@/app/api/storage/phase/route.ts';
import { POST as CREATE } from '@/app/api/training/dataset/route.ts';
import * as lambda from '@/app/api/training/deploy/lambda/route.ts';
import * as local from '@/app/api/training/deploy/local/route.ts';
import * as runpod from '@/app/api/training/deploy/runpod/route.ts';
import * as sagemaker from '@/app/api/training/deploy/sagemaker/route.ts';
import { POST as ADD_USER } from '@/app/api/users/route.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { MachineWatch } from '@/lib/training/deploy/machine-watch.ts';
import { type TestRequest, testApplication } from './application.ts';
import { chatRecords } from './chat-file.ts';
import { closeProviders, credentialsFor, type Providers, providerEnvironment, startProviders } from './deploy-lab.ts';

const ROUTES = { local, runpod, lambda, sagemaker };
export type TargetName = keyof typeof ROUTES;
export type RentedName = Exclude<TargetName, 'local'>;

const IMAGE = '111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1';
const MACHINE = { local: {}, runpod: {}, lambda: { region: 'us-east-1' }, sagemaker: { image: IMAGE } } as const;
export const USER_SECRET = 'hf_aSecretOfTheUsersOwn';

/** The operations by which each provider makes a machine, and tells what there is. */
export const CREATIONS = { runpod: 'pod.create', lambda: 'instance.launch', sagemaker: 'CreateTrainingJob' } as const;
export const LISTS = { runpod: 'pod.list', lambda: 'instance.list', sagemaker: 'DescribeTrainingJob' } as const;

/** MUST be called at the top of a test file: it registers hooks. A dataset is there, with verified copies in two stores. */
export function deployApplication() {
  const made = { providers: undefined as Providers | undefined, datasetId: '', poorKey: '' };
  const env: Record<string, string> = {};
  const providers = () => {
    if (made.providers === undefined) throw new Error('The providers are there inside tests and hooks only');
    return made.providers;
  };
  beforeAll(async () => {
    made.providers = await startProviders({
      runpod: { advanceOnRead: false },
      lambda: { capacity: { 'gpu_1x_a10@us-west-1': 0 } },
      sagemaker: { quotas: { 'ml.p4d.24xlarge': 0 } },
    });
    Object.assign(env, providerEnvironment(providers()));
  });
  const lab = testApplication(env);
  const bench = new DeployBench(lab, providers, made);
  beforeAll(() => bench.prepare());
  afterAll(() => closeProviders(providers()));
  beforeEach(() => {
    for (const sandbox of Object.values(providers())) sandbox.faults.clear();
  });
  return bench;
}

class DeployBench {
  readonly lab: ReturnType<typeof testApplication>;
  readonly #providers: () => Providers;
  readonly #made: { datasetId: string; poorKey: string };

  constructor(
    lab: ReturnType<typeof testApplication>,
    providers: () => Providers,
    made: { datasetId: string; poorKey: string },
  ) {
    this.lab = lab;
    this.#providers = providers;
    this.#made = made;
  }

  get providers(): Providers {
    return this.#providers();
  }

  get datasetId(): string {
    return this.#made.datasetId;
  }

  /** Of a user without credentials at any provider. */
  get poorKey(): string {
    return this.#made.poorKey;
  }

  async prepare(): Promise<void> {
    const { lab } = this;
    for (const [provider, json] of Object.entries(credentialsFor(this.providers))) {
      const path = `/api/secrets/${provider}`;
      const stored = await lab.call(STORE, { method: 'PUT', path, params: { provider }, json });
      expect(stored.status, await stored.clone().text()).toBe(200);
    }
    const json = { phase: 'dual_write' };
    const entered = await lab.call(ENTER, { method: 'POST', path: '/api/storage/phase', json });
    expect(entered.status, await entered.clone().text()).toBe(200);
    this.#made.datasetId = await this.upload();
    await this.#copiesVerified();
    const added = await lab.call(ADD_USER, { method: 'POST', path: '/api/users', json: { name: 'poor' } });
    this.#made.poorKey = (await added.json()).key;
  }

  async upload(key?: string): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' };
    const path = `/api/training/dataset?name=${randomUUID()}`;
    const answer = await this.lab.call(CREATE, { method: 'POST', path, headers, body: chatRecords(50), key });
    expect(answer.status, await answer.clone().text()).toBe(201);
    return (await answer.json()).dataset.id;
  }

  async post(name: TargetName, more: object = {}, request: Partial<TestRequest> = {}) {
    const config = { command: 'python train.py', env: name === 'local' ? {} : { HF_TOKEN: USER_SECRET } };
    const json = { dataset_id: this.datasetId, config, ...MACHINE[name], ...more };
    const path = `/api/training/deploy/${name}`;
    const answer = await this.lab.call(ROUTES[name].POST, { method: 'POST', path, json, ...request });
    return { status: answer.status, body: await answer.json() };
  }

  async ask(method: 'GET' | 'DELETE', name: TargetName, id: string, key?: string) {
    const path = `/api/training/deploy/${name}?job_id=${id}`;
    const answer = await this.lab.call(ROUTES[name][method], { method, path, key });
    return { status: answer.status, body: await answer.json() };
  }

  /** How many machines still cost money at a provider. */
  rented(name: RentedName): number {
    const { runpod: pods, lambda: cloud, sagemaker: aws } = this.providers;
    if (name === 'runpod') return pods.pods.list().length;
    if (name === 'lambda') return cloud.instances.list().filter(({ status }) => status !== 'terminating').length;
    return aws.jobs.running().filter(({ status }) => status !== 'Stopping').length;
  }

  async nothingLeft(name: RentedName): Promise<void> {
    await vi.waitFor(() => expect(this.rented(name)).toBe(0), { timeout: 20_000, interval: 50 });
  }

  /** The watch of the application, as it will be `laterMs` from now. */
  watch(laterMs = 0): MachineWatch {
    const { rented, targets } = this.lab.app.deploy;
    const now = () => new Date(Date.now() + laterMs);
    return new MachineWatch({ rented, targets, jobs: this.lab.app.training.service, log: silentLogger(), now });
  }

  async #copiesVerified(): Promise<void> {
    await vi.waitFor(
      async () => {
        const copies = await this.lab.app.placement.replicas.ofDataset(this.datasetId);
        for (const copy of copies) expect(copy.verifiedAt).not.toBeNull();
      },
      { timeout: 20_000 },
    );
  }
}
