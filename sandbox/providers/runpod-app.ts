/**
 * RunPod's REST API v2 (https://api.runpod.io/v2), pods and the GPU catalogue, after its public reference as of
 * September 2026: docs.runpod.io/api-reference-v2/pods/{create-a-pod,list-pods,get-a-pod,terminate-a-pod,
 * trigger-a-pod-state-transition} and /catalog/list-gpu-types. REST v1 (rest.runpod.io) was retired in November 2026
 * and is not played. The words of `detail` are not part of the reference.
 */
import { type Exchange, type Reply, readAll, type SandboxApp, type Target } from '@/sandbox/exchange.ts';
import type { Pod, PodAction, RunpodPods } from './runpod-pods.ts';
import { problemReply, RunpodProblem } from './runpod-problem.ts';
import { readPodRequest } from './runpod-request.ts';

const MAX_BODY_BYTES = 102_400;
const PAGE = 100;

export interface RunpodEnvironment {
  pods: RunpodPods;
  apiKey: string;
  /** A key that may read but not change anything. */
  readOnlyApiKey: string | undefined;
  /** US dollars; nothing can be created without. */
  balance: () => number;
  /** Pods take a step towards RUNNING each time they are read. */
  advanceOnRead: boolean;
}

export class RunpodApp implements SandboxApp {
  readonly #environment: RunpodEnvironment;

  constructor(environment: RunpodEnvironment) {
    this.#environment = environment;
  }

  operationOf({ method, path }: Target): string {
    if (path === '/v2/catalog/gpus') return 'catalog.gpus';
    const match = /^\/v2\/pods(\/[^/]+)?(\/action)?$/.exec(path);
    if (match === null) return 'unknown';
    if (match[2] !== undefined) return 'pod.action';
    const onOne = match[1] !== undefined;
    const names: Record<string, string> = onOne
      ? { GET: 'pod.get', DELETE: 'pod.terminate' }
      : { GET: 'pod.list', POST: 'pod.create' };
    return names[method] ?? 'unknown';
  }

  async handle(exchange: Exchange): Promise<Reply> {
    try {
      return await this.#route(exchange);
    } catch (error) {
      if (error instanceof RunpodProblem) return problemReply(error);
      throw error;
    }
  }

  refuse(_exchange: Exchange, fault: { status: number; code?: string; message?: string }): Reply {
    return problemReply(new RunpodProblem(fault.status, fault.message ?? fault.code ?? 'injected by the sandbox'));
  }

  async #route(exchange: Exchange): Promise<Reply> {
    if (Number(exchange.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
      throw new RunpodProblem(413, `request body exceeds ${MAX_BODY_BYTES} bytes`);
    }
    this.#authorise(exchange);
    const id = decodeURIComponent(exchange.path.split('/')[3] ?? '');
    switch (exchange.operation) {
      case 'catalog.gpus':
        return json({ gpus: this.#catalog(exchange.query) });
      case 'pod.create':
        return json(this.#create(await bodyOf(exchange)), 201);
      case 'pod.list':
        return json(this.#list(exchange.query.get('cursor')));
      case 'pod.get':
        return json(this.#read(id));
      case 'pod.terminate':
        return this.#act(id, 'terminate');
      case 'pod.action':
        return this.#act(id, (await bodyOf(exchange)).action);
      default:
        throw new RunpodProblem(404, 'resource not found');
    }
  }

  #authorise({ headers, method }: Exchange): void {
    const { apiKey, readOnlyApiKey } = this.#environment;
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (token === undefined) throw new RunpodProblem(401, 'missing bearer token');
    if (token === readOnlyApiKey && method !== 'GET') throw new RunpodProblem(403, 'access denied');
    if (token !== apiKey && token !== readOnlyApiKey) throw new RunpodProblem(401, 'invalid bearer token');
  }

  #create(body: Record<string, unknown>): unknown {
    const wanted = readPodRequest(body);
    if (this.#environment.balance() <= 0) throw new RunpodProblem(402, 'insufficient balance');
    const pod = this.#environment.pods.place(wanted);
    if (pod === undefined) throw new RunpodProblem(400, 'There are no instances currently available');
    return this.#show(pod);
  }

  #list(cursor: string | null): unknown {
    const pods = this.#environment.pods.list();
    const start = Number(cursor ?? 0);
    const page = pods.slice(start, start + PAGE);
    const hasNextPage = start + PAGE < pods.length;
    const nextCursor = hasNextPage ? String(start + PAGE) : null;
    return { pods: page.map((pod) => this.#show(pod)), pagination: { nextCursor, hasNextPage } };
  }

  #read(id: string): unknown {
    const shown = this.#show(this.#find(id));
    if (this.#environment.advanceOnRead) this.#environment.pods.advance(id);
    return shown;
  }

  #find(id: string): Readonly<Pod> {
    const pod = this.#environment.pods.find(id);
    if (pod === undefined) throw new RunpodProblem(404, 'pod not found');
    return pod;
  }

  #act(id: string, action: unknown): Reply {
    const { pods } = this.#environment;
    const pod = this.#find(id);
    const known: unknown[] = ['start', 'stop', 'restart', 'terminate'];
    if (!known.includes(action)) throw new RunpodProblem(422, 'Request validation failed.', ['action: unknown value']);
    if (!pods.actionsOf(pod).includes(action as PodAction)) {
      throw new RunpodProblem(409, `cannot ${String(action)} a pod that is ${pod.status}`);
    }
    if (action === 'terminate') {
      pods.setStatus(id, 'TERMINATED');
      return { status: 204 };
    }
    pods.setStatus(id, action === 'stop' ? 'EXITED' : 'STARTING');
    return json(this.#show(this.#find(id)));
  }

  #show(pod: Readonly<Pod>): unknown {
    const { pods } = this.#environment;
    return {
      ...pod,
      registry: null,
      actions: pods.actionsOf(pod),
      mounts: {},
      gpu: { ...pod.gpu, vcpuCount: 8 * pod.gpu.count, memory: 32 * pod.gpu.count },
      cudaVersion: '12.8',
      ssh: { proxy: null, direct: null },
      template: null,
      cost: pods.costOf(pod),
      locked: false,
      globalNetworking: { enabled: false },
      runtime: pod.status === 'RUNNING' ? { uptime: 1, gpus: [], ports: [] } : null,
    };
  }

  #catalog(query: URLSearchParams): unknown[] {
    const withStock = query.get('include') === 'AVAILABILITY';
    if (withStock !== query.has('product'))
      throw new RunpodProblem(400, 'include=AVAILABILITY and product go together');
    return this.#environment.pods.gpuTypes.map(({ stock, ...type }) => ({
      ...type,
      pool: null,
      manufacturer: 'NVIDIA',
      secure: true,
      community: true,
      maxCount: { secure: 8, community: 4 },
      ...(withStock ? { availability: levelOf(stock) } : {}),
    }));
  }
}

function levelOf(stock: number): string {
  return stock === 0 ? 'NONE' : stock < 3 ? 'LOW' : stock < 8 ? 'MEDIUM' : 'HIGH';
}

async function bodyOf(exchange: Exchange): Promise<Record<string, unknown>> {
  const text = (await readAll(exchange.body, MAX_BODY_BYTES)).toString();
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new RunpodProblem(400, 'request body is not JSON');
  }
}

function json(body: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
