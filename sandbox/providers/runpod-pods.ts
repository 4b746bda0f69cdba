import { randomBytes } from 'node:crypto';

export type PodStatus = 'PROVISIONING' | 'STARTING' | 'RUNNING' | 'EXITED' | 'ERROR' | 'TERMINATED';
export type PodAction = 'start' | 'stop' | 'restart' | 'terminate';

export interface PodGpu {
  id: string;
  count: number;
}

/** A pod as it was asked for, and what became of it. */
export interface Pod {
  id: string;
  name: string;
  image: string;
  args: string;
  cmd: string[];
  entrypoint: string[];
  disk: number;
  env: Record<string, string>;
  ports: string[];
  gpu: PodGpu;
  cloud: 'SECURE' | 'COMMUNITY';
  dataCenterId: string;
  status: PodStatus;
  createdAt: string;
  startedAt: string | null;
}

export interface GpuType {
  id: string;
  name: string;
  memory: number;
  price: { secure: number; community: number };
  /** Free on one machine now. */
  stock: number;
}

export const GPU_TYPES: GpuType[] = [
  gpu('NVIDIA GeForce RTX 4090', 'RTX 4090', { memory: 24, secure: 0.44, community: 0.31 }),
  gpu('NVIDIA A40', 'A40', { memory: 48, secure: 0.4, community: 0.35 }),
  gpu('NVIDIA H100 80GB HBM3', 'H100 SXM', { memory: 80, secure: 2.69, community: 2.69 }),
];

function gpu(id: string, name: string, facts: { memory: number; secure: number; community: number }): GpuType {
  return { id, name, memory: facts.memory, price: { secure: facts.secure, community: facts.community }, stock: 8 };
}

const NEXT: Partial<Record<PodStatus, PodStatus>> = { PROVISIONING: 'STARTING', STARTING: 'RUNNING' };

const ACTIONS: Record<PodStatus, PodAction[]> = {
  PROVISIONING: ['start', 'terminate'],
  STARTING: ['stop', 'terminate'],
  RUNNING: ['stop', 'restart', 'terminate'],
  EXITED: ['start', 'terminate'],
  ERROR: ['restart', 'terminate'],
  TERMINATED: [],
};

export interface RunpodPodsOptions {
  gpuTypes?: GpuType[];
  now?: () => number;
  /** Called once as a pod reaches RUNNING: a test starts its worker here. */
  onRunning?: (pod: Readonly<Pod>) => void;
}

/** The pods of one account. They move on only when told to, or as the server is asked for them. */
export class RunpodPods {
  readonly gpuTypes: GpuType[];
  readonly #pods = new Map<string, Pod>();
  readonly #now: () => number;
  readonly #onRunning: (pod: Readonly<Pod>) => void;

  constructor(options: RunpodPodsOptions = {}) {
    this.gpuTypes = (options.gpuTypes ?? GPU_TYPES).map((type) => ({ ...type }));
    this.#now = options.now ?? Date.now;
    this.#onRunning = options.onRunning ?? (() => {});
  }

  /** Those that are not terminated: what somebody pays for. */
  list(): Readonly<Pod>[] {
    return [...this.#pods.values()].filter((pod) => pod.status !== 'TERMINATED');
  }

  /** Terminated ones included: to see what a pod was given. */
  all(): Readonly<Pod>[] {
    return [...this.#pods.values()];
  }

  find(id: string): Readonly<Pod> | undefined {
    const pod = this.#pods.get(id);
    return pod?.status === 'TERMINATED' ? undefined : pod;
  }

  /** Undefined when no machine can place it. */
  place(wanted: Omit<Pod, 'id' | 'status' | 'createdAt' | 'startedAt'>): Pod | undefined {
    const type = this.gpuTypes.find((each) => each.id === wanted.gpu.id);
    if (type === undefined || type.stock < wanted.gpu.count) return undefined;
    type.stock -= wanted.gpu.count;
    const createdAt = new Date(this.#now()).toISOString();
    const pod: Pod = { ...wanted, id: podId(), status: 'PROVISIONING', createdAt, startedAt: null };
    this.#pods.set(pod.id, pod);
    return pod;
  }

  /** One step towards RUNNING. */
  advance(id: string): void {
    const next = NEXT[this.#get(id).status];
    if (next !== undefined) this.setStatus(id, next);
  }

  setStatus(id: string, status: PodStatus): void {
    const pod = this.#get(id);
    if (status === 'TERMINATED') this.#release(pod);
    pod.status = status;
    if (status !== 'RUNNING') return;
    pod.startedAt ??= new Date(this.#now()).toISOString();
    this.#onRunning(pod);
  }

  actionsOf(pod: Readonly<Pod>): PodAction[] {
    return ACTIONS[pod.status];
  }

  costOf(pod: Readonly<Pod>): number {
    if (pod.status === 'EXITED' || pod.status === 'TERMINATED') return 0;
    const price = this.gpuTypes.find((type) => type.id === pod.gpu.id)?.price;
    return (pod.cloud === 'SECURE' ? (price?.secure ?? 0) : (price?.community ?? 0)) * pod.gpu.count;
  }

  #release(pod: Pod): void {
    const type = this.gpuTypes.find((each) => each.id === pod.gpu.id);
    if (type !== undefined && pod.status !== 'TERMINATED') type.stock += pod.gpu.count;
  }

  #get(id: string): Pod {
    const pod = this.#pods.get(id);
    if (pod === undefined) throw new Error(`the sandbox has no pod ${id}`);
    return pod;
  }
}

function podId(): string {
  return randomBytes(8).toString('hex').slice(0, 14);
}
