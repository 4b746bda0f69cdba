/**
 * RunPod pods by the REST API v2 (https://api.runpod.io/v2; docs.runpod.io/api-reference-v2, September 2026). Facts of it
 * that shape this file: names need not be unique and there is no idempotency key, so that a creation whose answer is lost
 * is looked for in the list; a pod whose command ends is started again by RunPod, so that a job that is over MUST end its
 * pod; DELETE is final at once, and 404 afterwards.
 */
import { z } from 'zod';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { HttpReply } from '@/lib/secrets/http-port.ts';
import type { Secret } from '@/lib/secrets/secrets.types.ts';
import { bootstrapCommand } from './bootstrap.ts';
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
} from './deploy-target.ts';
import { maskedWorker, secretsOf } from './pod-environment.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { createdOrFound, ProviderError, providerWords } from './provider-error.ts';
import { fieldOf, jsonOf, listOf, numberOf, textOf } from './provider-gate.ts';
import { accountOf, type SecretSource } from './target-accounts.ts';
import type { TokenApi } from './token-api.ts';

export const runpodOptions = z.object({
  gpu_type: z.string().min(1).max(100).default('NVIDIA GeForce RTX 4090').describe('A GPU id of RunPod’s catalogue.'),
  gpu_count: z.number().int().min(1).max(16).default(1),
  cloud: z.enum(['SECURE', 'COMMUNITY']).default('SECURE'),
  image: z.string().min(1).max(300).default('pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime'),
  disk_gb: z.number().int().min(5).max(20_000).default(50).describe('The container’s disk, in GB.'),
  data_centers: z.array(z.string().min(1).max(40)).max(30).default([]),
});
export type RunpodOptions = z.output<typeof runpodOptions>;

const TITLE = 'RunPod';
const GB = 1e9;
/** Pages of the list of pods; RunPod gives 100 a page. */
const MAX_PAGES = 50;

const PHASES: Readonly<Record<string, RemotePhase>> = {
  PROVISIONING: 'starting',
  STARTING: 'starting',
  RUNNING: 'running',
  EXITED: 'stopped',
  ERROR: 'failed',
  TERMINATED: 'gone',
};

export class RunpodTarget implements DeployTarget<RunpodOptions> {
  readonly name = 'runpod';
  readonly provider = 'runpod';
  readonly #api: TokenApi;
  readonly #secrets: SecretSource;

  constructor(parts: { api: TokenApi; secrets: SecretSource }) {
    this.#api = parts.api;
    this.#secrets = parts.secrets;
  }

  options(given: JsonObject): RunpodOptions {
    return runpodOptions.parse(given);
  }

  diskBytes({ disk_gb }: RunpodOptions): number {
    return disk_gb * GB;
  }

  regionOf(): undefined {
    return undefined;
  }

  callsBack(): boolean {
    return true;
  }

  async checks(): Promise<PreflightCheck[]> {
    return [];
  }

  async plan(request: LaunchRequest<RunpodOptions>): Promise<DeployPlan> {
    const body = podRequest({ ...request, worker: maskedWorker(request.worker) });
    const headers = { authorization: `Bearer ${MASK}`, 'content-type': 'application/json' };
    const notes = ['The pod is terminated when the job ends, however it ends.'];
    return {
      name: request.name,
      requests: [{ method: 'POST', url: this.#api.urlOf('pods').href, headers, body }],
      notes,
    };
  }

  async launch(request: LaunchRequest<RunpodOptions>, signal?: AbortSignal): Promise<RemoteMachine> {
    const secret = await this.#account(request.userId);
    const pod = await createdOrFound({
      create: () => this.#create(secret, request, signal),
      find: async () => (await this.#named(secret, request.name, signal))[0],
    });
    return machineOf(pod);
  }

  async describe(remote: RemoteReference, signal?: AbortSignal): Promise<RemoteStatus> {
    const secret = await this.#account(remote.userId);
    const pod =
      remote.id === undefined
        ? (await this.#named(secret, remote.name, signal))[0]
        : await this.#get(secret, remote.id, signal);
    const state = pod === undefined ? 'TERMINATED' : (textOf(pod, 'status') ?? 'unknown');
    return {
      phase: PHASES[state] ?? 'running',
      state,
      reason: undefined,
      costUsdPerHour: pod === undefined ? 0 : numberOf(pod, 'cost'),
    };
  }

  async end(remote: RemoteReference, signal?: AbortSignal): Promise<'gone' | 'ending'> {
    const secret = await this.#account(remote.userId);
    const named = remote.id === undefined ? await this.#named(secret, remote.name, signal) : [];
    const ids = remote.id === undefined ? named.flatMap((pod) => textOf(pod, 'id') ?? []) : [remote.id];
    for (const id of ids) await this.#terminate(secret, id, signal);
    return 'gone';
  }

  async offers(userId: string, signal?: AbortSignal): Promise<Offer[]> {
    const secret = await this.#account(userId);
    const query = { include: 'AVAILABILITY', product: 'POD' };
    const reply = await this.#api.call(secret, { method: 'GET', path: 'catalog/gpus', query, signal });
    if (reply.status !== 200) throw refusal(reply, secret);
    return listOf(jsonOf(reply), 'gpus').map(offerOf);
  }

  #account(userId: string): Promise<Secret<'runpod'>> {
    return accountOf(this.#secrets, userId, { provider: 'runpod', title: TITLE });
  }

  async #create(secret: Secret<'runpod'>, request: LaunchRequest<RunpodOptions>, signal?: AbortSignal) {
    const call = { method: 'POST', path: 'pods', body: podRequest(request), signal } as const;
    const reply = await this.#api.call(secret, call);
    if (reply.status !== 201 && reply.status !== 200) throw refusal(reply, secret, secretsOf(request.worker));
    const pod = jsonOf(reply);
    if (textOf(pod, 'id') === undefined) throw senseless('it made a pod without an id');
    return pod;
  }

  /** Undefined when RunPod does not know it. */
  async #get(secret: Secret<'runpod'>, id: string, signal?: AbortSignal): Promise<unknown> {
    const reply = await this.#api.call(secret, { method: 'GET', path: `pods/${encodeURIComponent(id)}`, signal });
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw refusal(reply, secret);
    return jsonOf(reply);
  }

  /** Everything of this name: a creation that was repeated by hand or by a proxy may have made two. */
  async #named(secret: Secret<'runpod'>, name: string, signal?: AbortSignal): Promise<unknown[]> {
    const found: unknown[] = [];
    let query: Record<string, string> = {};
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const reply = await this.#api.call(secret, { method: 'GET', path: 'pods', query, signal });
      if (reply.status !== 200) throw refusal(reply, secret);
      const body = jsonOf(reply);
      found.push(...listOf(body, 'pods').filter((pod) => textOf(pod, 'name') === name));
      const cursor = textOf(fieldOf(body, 'pagination'), 'nextCursor');
      if (cursor === undefined) return found;
      query = { cursor };
    }
    return found;
  }

  async #terminate(secret: Secret<'runpod'>, id: string, signal?: AbortSignal): Promise<void> {
    const reply = await this.#api.call(secret, { method: 'DELETE', path: `pods/${encodeURIComponent(id)}`, signal });
    if (reply.status === 404 || (reply.status >= 200 && reply.status < 300)) return;
    throw refusal(reply, secret);
  }
}

/** CreatePodRequest. */
function podRequest({ name, options, worker }: LaunchRequest<RunpodOptions>): JsonObject {
  const [program = '', ...rest] = bootstrapCommand(worker.sha256);
  return {
    name,
    image: options.image,
    gpu: { id: options.gpu_type, count: options.gpu_count },
    cloud: options.cloud,
    disk: options.disk_gb,
    env: worker.environment,
    entrypoint: [program],
    cmd: rest,
    ...(options.data_centers.length === 0 ? {} : { dataCenterIds: options.data_centers }),
  };
}

function machineOf(pod: unknown): RemoteMachine {
  const id = textOf(pod, 'id');
  if (id === undefined) throw senseless('its pod has no id');
  return {
    id,
    region: textOf(pod, 'dataCenterId'),
    state: textOf(pod, 'status') ?? 'PROVISIONING',
    consoleUrl: `https://console.runpod.io/pods?id=${encodeURIComponent(id)}`,
    logUrl: undefined,
    costUsdPerHour: numberOf(pod, 'cost'),
  };
}

function offerOf(type: unknown): Offer {
  const price = fieldOf(type, 'price');
  const level = textOf(type, 'availability');
  return {
    id: textOf(type, 'id') ?? '',
    title: textOf(type, 'name') ?? '',
    gpus: 1,
    gpuMemoryGb: numberOf(type, 'memory') ?? null,
    usdPerHour: numberOf(price, 'secure') ?? numberOf(price, 'community') ?? null,
    regions: null,
    available: level === undefined ? null : level !== 'NONE',
  };
}

/** By status; RunPod has no codes, so that only what 400 is about is read from its words. */
function refusal(reply: HttpReply, secret: Secret<'runpod'>, secrets: readonly string[] = []): ProviderError {
  const body = jsonOf(reply);
  const all = [textOf(body, 'detail'), ...listOf(body, 'errors').map(String)].join('; ');
  const words = providerWords(all, [secret.api_key, ...secrets]);
  switch (reply.status) {
    case 401:
      return new ProviderError('target_key_refused', 'RunPod does not accept your API key.', {
        hint: 'Store a new one with PUT /api/secrets/runpod.',
      });
    case 403:
      return new ProviderError('target_forbidden', 'Your RunPod API key may not do this.', {
        hint: 'Give the key the permission to manage pods, or store another one.',
      });
    case 402:
      return new ProviderError('target_balance', 'Your RunPod balance is used up.', { hint: 'Add credit at RunPod.' });
    case 400:
      if (/no .*(instances|machines|resources).*available|not available|capacity/i.test(words)) return noCapacity();
      break;
    default:
  }
  return new ProviderError('target_request_refused', `RunPod refused the request (HTTP ${reply.status}): ${words}`, {
    hint: 'Change what the message names. GET /api/training/deploy/runpod/offers lists the GPUs.',
  });
}

function noCapacity(): ProviderError {
  return new ProviderError('target_no_capacity', 'RunPod has no machine free that fits.', {
    hint: 'Choose another gpu_type, fewer GPUs, the other cloud, or try again later.',
    details: { retry_after_seconds: 300 },
  });
}

function senseless(what: string): ProviderError {
  return new ProviderError('target_unavailable', `RunPod's answer makes no sense: ${what}.`, { uncertain: true });
}
