import { randomBytes } from 'node:crypto';

export type InstanceStatus = 'booting' | 'active' | 'unhealthy' | 'terminating' | 'terminated' | 'preempted';

export interface InstanceType {
  name: string;
  description: string;
  gpu_description: string;
  price_cents_per_hour: number;
  specs: { vcpus: number; memory_gib: number; storage_gib: number; gpus: number };
}

export interface LaunchRequest {
  region_name: string;
  instance_type_name: string;
  ssh_key_names: string[];
  file_system_names: string[];
  name: string | null;
  user_data: string | null;
  tags: { key: string; value: string }[];
}

export interface Instance extends LaunchRequest {
  id: string;
  status: InstanceStatus;
}

export const INSTANCE_TYPES: InstanceType[] = [
  instanceType('gpu_1x_a10', '1x A10 (24 GB PCIe)', { cents: 75, vcpus: 30, memory: 200, gpus: 1 }),
  instanceType('gpu_1x_h100_pcie', '1x H100 (80 GB PCIe)', { cents: 249, vcpus: 26, memory: 200, gpus: 1 }),
  instanceType('gpu_8x_a100_80gb_sxm4', '8x A100 (80 GB SXM4)', { cents: 1432, vcpus: 240, memory: 1800, gpus: 8 }),
];

function instanceType(
  name: string,
  description: string,
  facts: { cents: number; vcpus: number; memory: number; gpus: number },
): InstanceType {
  const specs = { vcpus: facts.vcpus, memory_gib: facts.memory, storage_gib: 1400, gpus: facts.gpus };
  const gpu_description = description.replace(/^\d+x /, '');
  return { name, description, gpu_description, price_cents_per_hour: facts.cents, specs };
}

export const REGIONS: Record<string, string> = {
  'us-east-1': 'Virginia, USA',
  'us-west-1': 'California, USA',
  'europe-central-1': 'Germany',
};

export interface LambdaInstancesOptions {
  instanceTypes?: InstanceType[];
  /** Free machines by `type@region`; every pair that is not named has 4. */
  capacity?: Record<string, number>;
  /** Names of the account's SSH keys. Default `['default-key']`. */
  sshKeyNames?: string[];
  /** How many instances the account may have. Default 10. */
  quota?: number;
  /** Called once as an instance becomes active: a test runs its user data here. */
  onActive?: (instance: Readonly<Instance>) => void;
}

const DEFAULT_CAPACITY = 4;

/** The instances of one account. They move on only when told to, or as the server is asked for them. */
export class LambdaInstances {
  readonly instanceTypes: InstanceType[];
  readonly sshKeyNames: string[];
  readonly quota: number;
  readonly #instances = new Map<string, Instance>();
  readonly #capacity: Map<string, number>;
  readonly #onActive: (instance: Readonly<Instance>) => void;

  constructor(options: LambdaInstancesOptions = {}) {
    this.instanceTypes = options.instanceTypes ?? INSTANCE_TYPES;
    this.sshKeyNames = options.sshKeyNames ?? ['default-key'];
    this.quota = options.quota ?? 10;
    this.#capacity = new Map(Object.entries(options.capacity ?? {}));
    this.#onActive = options.onActive ?? (() => {});
  }

  /** What still exists: what somebody pays for. */
  list(): Readonly<Instance>[] {
    return [...this.#instances.values()].filter((instance) => instance.status !== 'terminated');
  }

  /** Terminated ones included: to see what an instance was given. */
  all(): Readonly<Instance>[] {
    return [...this.#instances.values()];
  }

  find(id: string): Readonly<Instance> | undefined {
    return this.list().find((instance) => instance.id === id);
  }

  capacityOf(typeName: string, region: string): number {
    return this.#capacity.get(`${typeName}@${region}`) ?? DEFAULT_CAPACITY;
  }

  /** Undefined when the region has no machine of the type. */
  launch(request: LaunchRequest): Instance | undefined {
    const free = this.capacityOf(request.instance_type_name, request.region_name);
    if (free < 1) return undefined;
    this.#capacity.set(`${request.instance_type_name}@${request.region_name}`, free - 1);
    const instance: Instance = { ...request, id: randomBytes(16).toString('hex'), status: 'booting' };
    this.#instances.set(instance.id, instance);
    return instance;
  }

  /** One step: booting to active, terminating to terminated. */
  advance(id: string): void {
    const { status } = this.#get(id);
    if (status === 'booting') this.setStatus(id, 'active');
    if (status === 'terminating') this.setStatus(id, 'terminated');
  }

  setStatus(id: string, status: InstanceStatus): void {
    const instance = this.#get(id);
    const place = `${instance.instance_type_name}@${instance.region_name}`;
    if (status === 'terminated' && instance.status !== 'terminated') {
      this.#capacity.set(place, this.capacityOf(instance.instance_type_name, instance.region_name) + 1);
    }
    instance.status = status;
    if (status === 'active') this.#onActive(instance);
  }

  #get(id: string): Instance {
    const instance = this.#instances.get(id);
    if (instance === undefined) throw new Error(`the sandbox has no instance ${id}`);
    return instance;
  }
}
