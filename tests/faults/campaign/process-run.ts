import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { messageOf } from '@/lib/errors.ts';
import { isManifestKey } from '@/lib/placement/manifest-key.ts';
import { sentinelKey } from '@/lib/placement/sentinel.ts';
import type { Operation, ProcessPlan, Round } from './process-plan.ts';
import { ProcessWorld } from './process-world.ts';

const DATASETS = '/api/training/dataset';
const UPLOADS = '/api/training/uploads';
/** A request that a failing store holds up for longer is given up: it counts as not answered. */
const PATIENCE_MS = 20_000;
/** Jobs that failed wait out their pause before they heal anything. */
const HEALING_MS = 240_000;

interface Promised {
  contentSha256: string;
  deleted: 'no' | 'perhaps' | 'yes';
  history: string[];
}

/** A TUS upload whose every byte was acknowledged, and the server that has them. */
interface Received {
  path: string;
  server: number;
}

/**
 * Plays a plan against real processes, heals the stores, and holds every answered promise to what is there.
 * @throws with seed, plan and history when one is broken
 */
export async function processRun(plan: ProcessPlan): Promise<{ answered: number; kills: number }> {
  const world = await ProcessWorld.open(plan.world, plan.seed);
  const run = new ProcessRun(world);
  try {
    await run.play(plan);
    return { answered: run.answered, kills: run.kills };
  } catch (error) {
    const history = run.log.slice(-120).join('\n');
    throw new Error(`seed ${plan.seed} (${plan.world}): ${messageOf(error)}\n${history}`, { cause: error });
  } finally {
    world.heal();
    await world.close();
  }
}

class ProcessRun {
  readonly log: string[] = [];
  answered = 0;
  kills = 0;
  readonly #world: ProcessWorld;
  readonly #promised = new Map<string, Promised>();
  readonly #received: Received[] = [];
  #onAnswer: () => void = () => undefined;

  constructor(world: ProcessWorld) {
    this.#world = world;
  }

  async play(plan: ProcessPlan): Promise<void> {
    await this.#enterPhase(0, 'dual_write');
    for (const [at, round] of plan.rounds.entries()) {
      this.log.push(`round ${at}: ${JSON.stringify({ s3: round.s3, base: round.base, kill: round.kill })}`);
      await this.#playRound(round);
    }
    await this.#heal();
    await this.#check();
  }

  async #playRound(round: Round): Promise<void> {
    const { kill } = round;
    const before = this.answered;
    const due = new Promise<void>((resolve) => {
      this.#onAnswer = () =>
        kill !== undefined && this.answered - before >= kill.afterAnswers ? resolve() : undefined;
    });
    this.#world.misbehave(round);
    const working = Promise.all(round.workers.map((operations, worker) => this.#work(worker, operations)));
    if (kill !== undefined) {
      await Promise.race([due, working]);
      await this.#world.kill(kill.server);
      this.kills += 1;
      this.log.push(`killed server ${kill.server}`);
    }
    await working;
    this.#world.heal();
    if (kill !== undefined) await this.#world.restart(kill.server);
  }

  async #work(worker: number, operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      const words = operation.kind === 'upload' ? `${operation.way} ${operation.name}` : JSON.stringify(operation);
      try {
        this.log.push(`${worker}: ${words}: ${await this.#perform(worker, operation)}`);
        this.answered += 1;
        this.#onAnswer();
      } catch (error) {
        // The server died, or nobody answered in time: nothing was promised.
        if (!(error instanceof TypeError) && !isTimeout(error)) throw error;
        this.log.push(`${worker}: ${words}: no answer`);
      }
    }
  }

  async #perform(server: number, operation: Operation): Promise<string> {
    if (operation.kind === 'upload') return this.#upload(server, operation);
    if (operation.kind === 'phase') return this.#enterPhase(server, operation.phase);
    if (!('which' in operation)) {
      return String((await this.#post(server, `/api/storage/${operation.kind}`, { scope: 'all' })).status);
    }
    const living = [...this.#promised].filter(([, { deleted }]) => deleted === 'no');
    const [id, promised] = living[operation.which % Math.max(1, living.length)] ?? [];
    if (id === undefined || promised === undefined) return 'nothing there';
    const outcome = await this.#performOn(server, operation.kind, id, promised);
    promised.history.push(`${operation.kind} by server ${server}: ${outcome}`);
    return `${id} ${outcome}`;
  }

  async #performOn(server: number, kind: string, id: string, promised: Promised): Promise<string> {
    if (kind === 'download') return this.#download(server, id, promised);
    if (kind === 'preview') return String((await this.#fetch(server, `${DATASETS}/${id}/preview?limit=2`)).status);
    if (kind !== 'delete') return String((await this.#post(server, `${DATASETS}/${id}/${kind}`, {})).status);
    promised.deleted = 'perhaps';
    const { status } = await this.#fetch(server, `${DATASETS}/${id}`, { method: 'DELETE' });
    if (status === 204) promised.deleted = 'yes';
    return String(status);
  }

  async #upload(server: number, { way, name, body }: Operation & { kind: 'upload' }): Promise<string> {
    if (way === 'tus') return this.#uploadByTus(server, name, body);
    const form = new FormData();
    form.set('name', name);
    form.set('file', new File([body], name));
    const path = way === 'raw' ? `${DATASETS}?name=${name}` : DATASETS;
    const headers = { 'idempotency-key': name };
    const response = await this.#fetch(server, path, { method: 'POST', headers, body: way === 'raw' ? body : form });
    const text = await response.text();
    if (response.status !== 201) return `${response.status} ${text.slice(0, 160)}`;
    this.#remember((JSON.parse(text) as { dataset: DatasetJson }).dataset, `${way} ${name} at server ${server}`);
    return '201';
  }

  async #uploadByTus(server: number, name: string, body: string): Promise<string> {
    const tus = { 'tus-resumable': '1.0.0' };
    const metadata = `name ${Buffer.from(name).toString('base64')},filename ${Buffer.from(name).toString('base64')}`;
    const begun = await this.#fetch(server, UPLOADS, {
      method: 'POST',
      headers: { ...tus, 'upload-length': String(Buffer.byteLength(body)), 'upload-metadata': metadata },
    });
    const path = begun.headers.get('location');
    if (path === null) return `${begun.status}`;
    const headers = { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
    const { status } = await this.#fetch(server, path, { method: 'PATCH', headers, body });
    if (status === 204) this.#received.push({ path, server });
    return String(status);
  }

  /** What is served must be right. That nothing can be served is an answer too, while stores fail. */
  async #download(server: number, id: string, promised: Promised): Promise<string> {
    const response = await this.#fetch(server, `${DATASETS}/${id}/download-url`);
    if (response.status === 404 && promised.deleted === 'no') throw new Error(`a download of ${id} answered 404`);
    if (!response.ok) return String(response.status);
    const { provider } = (await response.json()) as { provider: string };
    return `${response.status} from ${provider}`;
  }

  #remember(dataset: DatasetJson, how: string): void {
    this.#promised.set(dataset.id, { contentSha256: dataset.content_sha256 ?? '', deleted: 'no', history: [how] });
  }

  async #enterPhase(server: number, phase: string): Promise<string> {
    const body = { phase, confirm: true, force: true, reason: 'campaign' };
    return String((await this.#post(server, '/api/storage/phase', body)).status);
  }

  async #post(server: number, path: string, json: unknown): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    const response = await this.#fetch(server, path, { method: 'POST', headers, body: JSON.stringify(json) });
    await response.arrayBuffer();
    return response;
  }

  #fetch(server: number, path: string, init: RequestInit = {}): Promise<Response> {
    return this.#world.fetch(server, path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  /** Every process starts anew: what still waits for a stalled store waits no longer. */
  async #heal(): Promise<void> {
    this.#world.heal();
    for (const [index] of this.#world.servers.entries()) await this.#world.kill(index);
    for (const [index] of this.#world.servers.entries()) await this.#world.restart(index);
    await this.#enterPhase(0, 'dual_write');
    const giveUpAt = Date.now() + HEALING_MS;
    for (let round = 0; ; round += 1) {
      if (round % 10 === 0) await this.#post(0, '/api/storage/scrub', { scope: 'all' });
      await this.#post(0, '/api/storage/reconcile', { scope: 'all' });
      const fault = await this.#unsettled().catch((error) => messageOf(error));
      if (fault === undefined) return;
      if (Date.now() > giveUpAt) throw new Error(`not healed: ${fault}`);
      await sleep(500);
    }
  }

  /** What is still amiss, in words; undefined when everything is at rest. */
  async #unsettled(): Promise<string | undefined> {
    const scrub = (await (await this.#fetch(0, '/api/storage/scrub')).json()) as { running: unknown };
    if (scrub.running !== null) return 'a scrub is under way';
    for (const { id, status, replicas } of await this.#all()) {
      if (status !== 'ready') return `${id} is ${status}`;
      if (replicas.length === 0) return `${id} has no copy`;
      const bad = replicas.find(({ state, verified_at }) => state !== 'completed' || verified_at === null);
      if (bad !== undefined) return `${id}: ${bad.provider} ${bad.key} is ${bad.state} ${bad.error?.code ?? ''}`;
    }
    for (const received of this.#received) {
      const response = await this.#fetch(received.server, `${received.path}/result`);
      const { status } = (await response.json()) as { status?: string };
      if (status === 'receiving' || status === 'processing') return `upload ${received.path} is ${status}`;
    }
    return undefined;
  }

  async #all(): Promise<DatasetJson[]> {
    const all: DatasetJson[] = [];
    for (let cursor = ''; ; ) {
      const response = await this.#fetch(0, `${DATASETS}?status=all&limit=200${cursor}`);
      const page = (await response.json()) as { datasets: DatasetJson[]; next_cursor: string | null };
      all.push(...page.datasets);
      if (page.next_cursor === null) return all;
      cursor = `&cursor=${page.next_cursor}`;
    }
  }

  async #check(): Promise<void> {
    const present = new Map((await this.#all()).map((dataset) => [dataset.id, dataset]));
    for (const [id, { deleted, contentSha256, history }] of this.#promised) {
      const dataset = present.get(id);
      if (deleted === 'no' && dataset === undefined) broken(`${id} was answered and is lost`, history);
      if (deleted === 'yes' && dataset !== undefined) broken(`${id} was deleted and is back`, history);
      if (dataset !== undefined && dataset.content_sha256 !== contentSha256)
        broken(`${id} is another dataset now`, history);
    }
    for (const { path, server } of this.#received) {
      const result = (await (await this.#fetch(server, `${path}/result`)).json()) as { status?: string };
      const gone = result.status === 'failed' || result.status === 'ready';
      if (!gone) broken(`the upload ${path} came to ${JSON.stringify(result)}`, []);
    }
    for (const [index, dataset] of [...present.values()].entries()) await this.#checkBytes(index, dataset);
    await this.#checkStores([...present.keys()]);
  }

  /** Nothing lies in a store that no row names: a manifest or the mark of a store names its dataset or user itself. */
  async #checkStores(ids: readonly string[]): Promise<void> {
    const contents = await this.#world.contents();
    const named = await this.#world.keysInRows();
    const isKnown = (key: string) =>
      named.has(key) || key === sentinelKey('local') || (isManifestKey(key) && ids.some((id) => key.includes(id)));
    if (ids.length > 0 && contents.s3.length + contents.base.length === 0) broken('no store holds anything', []);
    for (const [store, keys] of Object.entries(contents)) {
      const strays = keys.filter((key) => !isKnown(key));
      if (strays.length > 0) broken(`${store} holds what nobody knows: ${strays.join(', ')}`, []);
    }
  }

  /** Each copy is read back, and one is fetched as a consumer would. */
  async #checkBytes(server: number, dataset: DatasetJson): Promise<void> {
    const history = this.#promised.get(dataset.id)?.history ?? ['never answered'];
    const verified = await this.#fetch(server, `${DATASETS}/${dataset.id}/verify`, { method: 'POST' });
    const { replicas } = (await verified.json()) as { replicas: { mark: string; provider: string; key: string }[] };
    for (const { mark, provider, key } of replicas) {
      if (mark !== '=') broken(`${dataset.id}: ${provider} ${key} is ${mark}`, history);
    }
    const location = await (await this.#fetch(server, `${DATASETS}/${dataset.id}/download-url`)).json();
    const object = Buffer.from(await (await fetch((location as { url: string }).url)).arrayBuffer());
    if (sha256(object) !== dataset.object_sha256) broken(`${dataset.id} downloads as other bytes`, history);
    if (sha256(gunzipSync(object)) !== dataset.content_sha256) broken(`${dataset.id} unpacks to other bytes`, history);
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && (error.name === 'TimeoutError' || error.name === 'AbortError');
}

function broken(what: string, history: readonly string[]): never {
  throw new Error(`a promise is broken: ${what}\n  ${history.join('\n  ')}`);
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
