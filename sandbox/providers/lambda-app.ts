/**
 * The Lambda Cloud API 1.10 (https://cloud.lambda.ai/api/v1), instances, instance types and SSH keys, after the public
 * OpenAPI document docs.lambda.ai/api/cloud/spec.json as of summer 2026. Codes are its own; its messages may change.
 */
import { type Exchange, type Reply, readAll, type SandboxApp, type Target } from '@/sandbox/exchange.ts';
import { type Instance, type LambdaInstances, type LaunchRequest, REGIONS } from './lambda-instances.ts';

const PREFIX = '/api/v1';
const MAX_BODY_BYTES = 2 << 20;
const MAX_USER_DATA_BYTES = 1 << 20;

export class LambdaError extends Error {
  readonly status: number;
  readonly code: string;
  readonly suggestion: string | undefined;

  constructor(status: number, code: string, message: string, suggestion?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.suggestion = suggestion;
  }
}

export interface LambdaEnvironment {
  instances: LambdaInstances;
  apiKey: string;
  /** An account whose bills are not paid: every request is refused. */
  inactive: boolean;
  advanceOnRead: boolean;
}

const OPERATIONS: [name: string, method: string, pattern: RegExp][] = [
  ['type.list', 'GET', /^\/instance-types$/],
  ['key.list', 'GET', /^\/ssh-keys$/],
  ['instance.list', 'GET', /^\/instances$/],
  ['instance.get', 'GET', /^\/instances\/[^/]+$/],
  ['instance.launch', 'POST', /^\/instance-operations\/launch$/],
  ['instance.restart', 'POST', /^\/instance-operations\/restart$/],
  ['instance.terminate', 'POST', /^\/instance-operations\/terminate$/],
];

export class LambdaApp implements SandboxApp {
  readonly #environment: LambdaEnvironment;

  constructor(environment: LambdaEnvironment) {
    this.#environment = environment;
  }

  operationOf({ method, path }: Target): string {
    const below = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : '';
    return OPERATIONS.find(([, m, pattern]) => m === method && pattern.test(below))?.[0] ?? 'unknown';
  }

  async handle(exchange: Exchange): Promise<Reply> {
    try {
      this.#authorise(exchange);
      return json({ data: await this.#route(exchange) });
    } catch (error) {
      if (error instanceof LambdaError) return refusal(error);
      throw error;
    }
  }

  refuse(_exchange: Exchange, fault: { status: number; code?: string; message?: string }): Reply {
    const code = fault.code ?? (fault.status >= 500 ? 'global/internal-error' : 'global/unknown');
    return refusal(new LambdaError(fault.status, code, fault.message ?? 'injected by the sandbox'));
  }

  /** Bearer, or Basic with the key as the user name. */
  #authorise({ headers }: Exchange): void {
    const [scheme = '', value = ''] = (headers.authorization ?? '').split(' ');
    const basic = Buffer.from(value, 'base64').toString().replace(/:$/, '');
    const key = scheme.toLowerCase() === 'basic' ? basic : value;
    if (key !== this.#environment.apiKey) {
      throw new LambdaError(401, 'global/invalid-api-key', 'API key was invalid, expired, or deleted.');
    }
    if (this.#environment.inactive) {
      throw new LambdaError(403, 'global/account-inactive', 'Your account is inactive.', 'Verify your email and card.');
    }
  }

  async #route(exchange: Exchange): Promise<unknown> {
    const { instances } = this.#environment;
    switch (exchange.operation) {
      case 'type.list':
        return this.#types();
      case 'key.list':
        return instances.sshKeyNames.map((name) => ({ id: name, name, public_key: 'ssh-ed25519 AAAA sandbox' }));
      case 'instance.list':
        return instances.list().map((instance) => this.#read(instance));
      case 'instance.get':
        return this.#read(this.#find(exchange.path.split('/').at(-1) ?? ''));
      case 'instance.launch':
        return { instance_ids: [this.#launch(await bodyOf(exchange)).id] };
      case 'instance.restart':
        return { restarted_instances: this.#each(await bodyOf(exchange), 'booting') };
      case 'instance.terminate':
        return { terminated_instances: this.#each(await bodyOf(exchange), 'terminating') };
      default:
        throw new LambdaError(404, 'global/not-found', 'Not found.');
    }
  }

  #types(): unknown {
    const { instances } = this.#environment;
    const entries = instances.instanceTypes.map((type) => {
      const regions = Object.keys(REGIONS).filter((region) => instances.capacityOf(type.name, region) > 0);
      return [type.name, { instance_type: type, regions_with_capacity_available: regions.map(regionOf) }];
    });
    return Object.fromEntries(entries);
  }

  #find(id: string): Readonly<Instance> {
    const instance = this.#environment.instances.find(id);
    if (instance === undefined) throw missing();
    return instance;
  }

  #launch(body: Record<string, unknown>): Instance {
    const { instances } = this.#environment;
    const request = readLaunch(body, instances);
    if (instances.list().length >= instances.quota) {
      throw new LambdaError(400, 'global/quota-exceeded', 'Quota exceeded.', 'Contact Support to increase your quota.');
    }
    const instance = instances.launch(request);
    if (instance !== undefined) return instance;
    throw new LambdaError(
      400,
      'instance-operations/launch/insufficient-capacity',
      'Not enough capacity to fulfill launch request.',
      'Choose an instance type with more availability, or try again later.',
    );
  }

  /** All or none: an unknown id refuses the whole request. */
  #each(body: Record<string, unknown>, status: 'booting' | 'terminating'): unknown[] {
    const ids = Array.isArray(body.instance_ids) ? body.instance_ids.map(String) : [];
    if (ids.length === 0) throw invalid('instance_ids', 'List should have at least 1 item.');
    for (const id of ids) this.#find(id);
    return ids.map((id) => {
      this.#environment.instances.setStatus(id, status);
      return this.#show(this.#find(id));
    });
  }

  #read(instance: Readonly<Instance>): unknown {
    const shown = this.#show(instance);
    if (this.#environment.advanceOnRead) this.#environment.instances.advance(instance.id);
    return shown;
  }

  /** The address is there only when the machine is; the user data never comes back. */
  #show({ region_name, instance_type_name, user_data: _hidden, ...instance }: Readonly<Instance>): unknown {
    const type = this.#environment.instances.instanceTypes.find((each) => each.name === instance_type_name);
    const address = instance.status === 'active' ? { ip: '198.51.100.2', private_ip: '10.19.60.2' } : {};
    return { ...instance, ...address, region: regionOf(region_name), instance_type: type, is_reserved: false };
  }
}

function regionOf(name: string): { name: string; description: string } {
  return { name, description: REGIONS[name] ?? name };
}

function missing(): LambdaError {
  return new LambdaError(404, 'global/object-does-not-exist', 'Specified instance does not exist.');
}

function invalid(field: string, message: string): LambdaError {
  return new LambdaError(400, 'global/invalid-parameters', `${field}: ${message}`);
}

function readLaunch(body: Record<string, unknown>, instances: LambdaInstances): LaunchRequest {
  const [region_name, instance_type_name] = [String(body.region_name ?? ''), String(body.instance_type_name ?? '')];
  const keys = Array.isArray(body.ssh_key_names) ? body.ssh_key_names.map(String) : [];
  if (!(region_name in REGIONS)) throw invalid('region_name', 'Input should be a known region.');
  if (!instances.instanceTypes.some((type) => type.name === instance_type_name)) {
    throw invalid('instance_type_name', 'Input should be a known instance type.');
  }
  if (keys.length !== 1) throw invalid('ssh_key_names', 'Exactly one SSH key must be specified.');
  if (!instances.sshKeyNames.includes(keys[0] ?? '')) throw invalid('ssh_key_names', 'Invalid SSH key name.');
  if (Number(body.quantity ?? 1) > 1)
    throw new LambdaError(400, 'global/invalid-parameters', 'Requested too many instances.');
  const user_data = typeof body.user_data === 'string' ? body.user_data : null;
  if (Buffer.byteLength(user_data ?? '') > MAX_USER_DATA_BYTES) throw invalid('user_data', 'Must be at most 1 MB.');
  return {
    region_name,
    instance_type_name,
    ssh_key_names: keys,
    file_system_names: Array.isArray(body.file_system_names) ? body.file_system_names.map(String) : [],
    name: typeof body.name === 'string' ? body.name : null,
    user_data,
    tags: Array.isArray(body.tags) ? (body.tags as LaunchRequest['tags']) : [],
  };
}

async function bodyOf(exchange: Exchange): Promise<Record<string, unknown>> {
  const text = (await readAll(exchange.body, MAX_BODY_BYTES)).toString();
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new LambdaError(400, 'global/invalid-parameters', 'Invalid JSON.');
  }
}

function json(body: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function refusal({ status, code, message, suggestion }: LambdaError): Reply {
  return json({ error: { code, message, ...(suggestion === undefined ? {} : { suggestion }) } }, status);
}
