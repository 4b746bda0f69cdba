/**
 * Lambda Cloud instances by its API 1.10 (https://cloud.lambda.ai/api/v1; docs.lambda.ai/api/cloud, summer 2026). Facts of
 * it that shape this file: an instance needs exactly one SSH key of the account; user data is cloud-init's and never comes
 * back; there is no idempotency key, so that a launch whose answer is lost is looked for in the list by its name; one
 * request a second, one launch in twelve; a terminated instance is `terminating` for a while.
 */
import { z } from 'zod';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { HttpReply } from '@/lib/secrets/http-port.ts';
import type { Secret } from '@/lib/secrets/secrets.types.ts';
import { bootstrapScript } from './bootstrap.ts';
import {
  type DeployPlan,
  type DeployTarget,
  type LaunchRequest,
  MASK,
  type Offer,
  type RemoteMachine,
  type RemotePhase,
  type RemoteReference,
  type RemoteStatus,
  type WorkerStart,
} from './deploy-target.ts';
import { maskedWorker, secretsOf } from './pod-environment.ts';
import { checkOf, type PreflightCheck } from './preflight-check.ts';
import { createdOrFound, ProviderError, providerWords } from './provider-error.ts';
import { fieldOf, jsonOf, listOf, numberOf, textOf } from './provider-gate.ts';
import { accountOf, type SecretSource } from './target-accounts.ts';
import type { TokenApi } from './token-api.ts';

export const lambdaOptions = z.object({
  instance_type: z.string().min(1).max(100).default('gpu_1x_a10'),
  region: z.string().min(1).max(60).describe('A region that has the instance type free: see the offers.'),
  ssh_key_name: z.string().min(1).max(100).optional().describe('Default: the one stored with your credentials.'),
  file_system: z.string().min(1).max(100).optional().describe('A file system of the same region to attach.'),
});
export type LambdaOptions = z.output<typeof lambdaOptions>;

const TITLE = 'Lambda Cloud';

const PHASES: Readonly<Record<string, RemotePhase>> = {
  booting: 'starting',
  active: 'running',
  unhealthy: 'running',
  terminating: 'stopping',
  terminated: 'gone',
  preempted: 'stopped',
};

export class LambdaTarget implements DeployTarget<LambdaOptions> {
  readonly name = 'lambda';
  readonly provider = 'lambda';
  readonly #api: TokenApi;
  readonly #secrets: SecretSource;

  constructor(parts: { api: TokenApi; secrets: SecretSource }) {
    this.#api = parts.api;
    this.#secrets = parts.secrets;
  }

  options(given: JsonObject): LambdaOptions {
    return lambdaOptions.parse(given);
  }

  /** The disk belongs to the instance type; the smallest that Lambda rents out has half a terabyte. */
  diskBytes(): undefined {
    return undefined;
  }

  regionOf({ region }: LambdaOptions): string {
    return region;
  }

  callsBack(): boolean {
    return true;
  }

  async checks(userId: string, options: LambdaOptions): Promise<PreflightCheck[]> {
    const check = checkOf('target_ssh_key_required', 'SSH key');
    const secret = await this.#secrets.getSecret(userId, 'lambda');
    const key = options.ssh_key_name ?? secret?.metadata.lambda?.ssh_key_name;
    if (key !== undefined) return [check.ok('An SSH key is named.')];
    const { message, hint = '' } = keyRequired();
    return [check.failed(message, hint)];
  }

  async plan(request: LaunchRequest<LambdaOptions>): Promise<DeployPlan> {
    const secret = await this.#account(request.userId);
    const body = launchBody({ ...request, worker: maskedWorker(request.worker) }, secret);
    const headers = { authorization: `Bearer ${MASK}`, 'content-type': 'application/json' };
    return {
      name: request.name,
      requests: [{ method: 'POST', url: this.#api.urlOf('instance-operations/launch').href, headers, body }],
      notes: ['The instance is terminated when the job ends, however it ends.'],
    };
  }

  async launch(request: LaunchRequest<LambdaOptions>, signal?: AbortSignal): Promise<RemoteMachine> {
    const secret = await this.#account(request.userId);
    const id = await createdOrFound({
      create: () => this.#launch(secret, request, signal),
      find: async () => textOf((await this.#named(secret, request.name, signal))[0], 'id'),
    });
    return {
      id,
      region: request.options.region,
      state: 'booting',
      consoleUrl: 'https://cloud.lambda.ai/instances',
      logUrl: undefined,
      costUsdPerHour: undefined,
    };
  }

  async describe(remote: RemoteReference, signal?: AbortSignal): Promise<RemoteStatus> {
    const instance = await this.#find(await this.#account(remote.userId), remote, signal);
    const state = instance === undefined ? 'terminated' : (textOf(instance, 'status') ?? 'unknown');
    return {
      phase: PHASES[state] ?? 'running',
      state,
      reason: state === 'preempted' ? 'Lambda Cloud took the instance back.' : undefined,
      costUsdPerHour: instance === undefined ? 0 : dollars(fieldOf(instance, 'instance_type')),
    };
  }

  async end(remote: RemoteReference, signal?: AbortSignal): Promise<'gone' | 'ending'> {
    const secret = await this.#account(remote.userId);
    const one = remote.id === undefined ? undefined : await this.#find(secret, remote, signal);
    const all =
      remote.id === undefined ? await this.#named(secret, remote.name, signal) : one === undefined ? [] : [one];
    const there = all.filter((instance) => textOf(instance, 'status') !== 'terminated');
    const ids = there
      .filter((instance) => textOf(instance, 'status') !== 'terminating')
      .map((each) => textOf(each, 'id'));
    for (const id of ids) if (id !== undefined) await this.#terminate(secret, id, signal);
    return there.length === 0 ? 'gone' : 'ending';
  }

  async offers(userId: string, signal?: AbortSignal): Promise<Offer[]> {
    const secret = await this.#account(userId);
    const data = await this.#data(secret, 'instance-types', signal);
    return typeof data === 'object' && data !== null ? Object.values(data).map(offerOf) : [];
  }

  #account(userId: string): Promise<Secret<'lambda'>> {
    return accountOf(this.#secrets, userId, { provider: 'lambda', title: TITLE });
  }

  async #launch(secret: Secret<'lambda'>, request: LaunchRequest<LambdaOptions>, signal?: AbortSignal) {
    const body = launchBody(request, secret);
    const path = 'instance-operations/launch';
    const reply = await this.#api.call(secret, { method: 'POST', path, body, signal });
    if (reply.status !== 200) throw refusal(reply, secret, secretsOf(request.worker));
    const [id] = listOf(fieldOf(jsonOf(reply), 'data'), 'instance_ids');
    if (typeof id === 'string' && id !== '') return id;
    throw new ProviderError('target_unavailable', 'Lambda Cloud launched something and did not say what.', {
      uncertain: true,
    });
  }

  async #data(secret: Secret<'lambda'>, path: string, signal?: AbortSignal): Promise<unknown> {
    const reply = await this.#api.call(secret, { method: 'GET', path, signal });
    if (reply.status !== 200) throw refusal(reply, secret);
    return fieldOf(jsonOf(reply), 'data');
  }

  async #find(secret: Secret<'lambda'>, remote: RemoteReference, signal?: AbortSignal): Promise<unknown> {
    if (remote.id === undefined) return (await this.#named(secret, remote.name, signal))[0];
    const path = `instances/${encodeURIComponent(remote.id)}`;
    const reply = await this.#api.call(secret, { method: 'GET', path, signal });
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw refusal(reply, secret);
    return fieldOf(jsonOf(reply), 'data');
  }

  async #named(secret: Secret<'lambda'>, name: string, signal?: AbortSignal): Promise<unknown[]> {
    const data = await this.#data(secret, 'instances', signal);
    return Array.isArray(data) ? data.filter((instance) => textOf(instance, 'name') === name) : [];
  }

  async #terminate(secret: Secret<'lambda'>, id: string, signal?: AbortSignal): Promise<void> {
    const path = 'instance-operations/terminate';
    const call = { method: 'POST', path, body: { instance_ids: [id] }, repeatable: true, signal } as const;
    const reply = await this.#api.call(secret, call);
    if (reply.status !== 200 && reply.status !== 404) throw refusal(reply, secret);
  }
}

function launchBody({ name, options, worker }: LaunchRequest<LambdaOptions>, secret: Secret<'lambda'>): JsonObject {
  const key = options.ssh_key_name ?? secret.metadata.lambda?.ssh_key_name;
  if (key === undefined) throw keyRequired();
  return {
    region_name: options.region,
    instance_type_name: options.instance_type,
    ssh_key_names: [key],
    ...(options.file_system === undefined ? {} : { file_system_names: [options.file_system] }),
    name,
    user_data: userData(worker),
  };
}

const FOLDER = '/opt/longshore';

/**
 * A cloud-config document, which may be JSON: nothing in it needs quoting for a shell. The environment is a file that only
 * root can read. The unit outlives cloud-init; HOME is what Python's caches and most trainers expect.
 */
export function userData({ environment, sha256 }: WorkerStart): string {
  const load = `import json, os\nos.environ.update(json.load(open("${FOLDER}/environment.json")))\n`;
  const start = [
    'systemd-run',
    '--unit=longshore-job',
    '--setenv=HOME=/root',
    '/usr/bin/python3',
    `${FOLDER}/start.py`,
  ];
  const config = {
    write_files: [
      { path: `${FOLDER}/environment.json`, permissions: '0600', content: JSON.stringify(environment) },
      {
        path: `${FOLDER}/start.py`,
        permissions: '0600',
        content: load + bootstrapScript(sha256, ['--work-dir', `${FOLDER}/work`]),
      },
    ],
    runcmd: [start],
  };
  return `#cloud-config\n${JSON.stringify(config, null, 1)}\n`;
}

function offerOf(entry: unknown): Offer {
  const type = fieldOf(entry, 'instance_type');
  const regions = listOf(entry, 'regions_with_capacity_available').flatMap((region) => textOf(region, 'name') ?? []);
  const memory = /\((\d+) GB/.exec(textOf(type, 'gpu_description') ?? textOf(type, 'description') ?? '')?.[1];
  return {
    id: textOf(type, 'name') ?? '',
    title: textOf(type, 'description') ?? '',
    gpus: numberOf(fieldOf(type, 'specs'), 'gpus') ?? 0,
    gpuMemoryGb: memory === undefined ? null : Number(memory),
    usdPerHour: dollars(type) ?? null,
    regions,
    available: regions.length > 0,
  };
}

function dollars(type: unknown): number | undefined {
  const cents = numberOf(type, 'price_cents_per_hour');
  return cents === undefined ? undefined : cents / 100;
}

function refusal(reply: HttpReply, secret: Secret<'lambda'>, secrets: readonly string[] = []): ProviderError {
  const error = fieldOf(jsonOf(reply), 'error');
  const code = textOf(error, 'code') ?? `HTTP ${reply.status}`;
  if (code.endsWith('/insufficient-capacity')) {
    return new ProviderError('target_no_capacity', 'Lambda Cloud has no such instance free in this region.', {
      hint: 'Choose another region or instance_type (GET /api/training/deploy/lambda/offers), or try again later.',
      details: { retry_after_seconds: 300 },
    });
  }
  if (code === 'global/quota-exceeded') {
    return new ProviderError('target_quota', 'Your Lambda Cloud account may not have another instance.', {
      hint: 'End an instance, or ask Lambda to raise your quota.',
    });
  }
  if (reply.status === 401) {
    const hint = 'Store a new one with PUT /api/secrets/lambda.';
    return new ProviderError('target_key_refused', 'Lambda Cloud does not accept your API key.', { hint });
  }
  if (reply.status === 403) {
    const hint = 'Sign in at Lambda Cloud: the account may be inactive, or a bill may be open.';
    return new ProviderError('target_forbidden', `Lambda Cloud does not let your account do this (${code}).`, { hint });
  }
  const words = providerWords(textOf(error, 'message'), [secret.api_key, ...secrets]);
  return new ProviderError('target_request_refused', `Lambda Cloud refused the request (${code}): ${words}`, {
    hint: 'Change what the message names. GET /api/training/deploy/lambda/offers lists types and regions.',
  });
}

function keyRequired(): ProviderError {
  return new ProviderError('target_ssh_key_required', 'Lambda Cloud starts no instance without an SSH key.', {
    hint: 'Give ssh_key_name, or store metadata.lambda.ssh_key_name with PUT /api/secrets/lambda.',
  });
}
