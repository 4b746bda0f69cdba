/** The real worker, as a process, and what its job says, followed over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '@/lib/config/entry-points.ts';
import type { TestServer } from './server.ts';

export interface JobView {
  id: string;
  state: string;
  attempt: number;
  stage: string | null;
  error: { code: string; message: string; hint: string | null; stage: string | null } | null;
  claimed_by: string | null;
  progress: Record<string, unknown> | null;
}

export interface JobEvent {
  id: number;
  attempt: number;
  kind: 'log' | 'metric' | 'state' | 'stage';
  data: Record<string, unknown> & { text?: string; to?: string; stage?: string; values?: Record<string, number> };
}

export interface TestWorker {
  readonly child: ChildProcess;
  /** Its folder: one below it for every job. */
  readonly workDir: string;
  logs(): string;
  /** Resolves with the exit code, null for a signal. */
  readonly exited: Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export const WORKER = join(projectRoot(), 'lib/training/training_server.py');

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts `training_server.py` with short waits. The folder is removed when it has ended. */
export async function startWorker(
  args: readonly string[],
  env: Record<string, string>,
  options: { keepFolder?: boolean } = {},
): Promise<TestWorker> {
  const workDir = await mkdtemp(join(tmpdir(), 'longshore-worker-'));
  const [mode = 'agent', ...rest] = args;
  const quick = ['--work-dir', workDir, '--grace', '2', '--stall-seconds', '2', '--fetch-patience', '60'];
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('python3', [WORKER, mode, ...quick, ...rest], {
    env: { PATH, HOME, PYTHONDONTWRITEBYTECODE: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const exited = once(child, 'close').then(async ([code]) => {
    running.delete(child);
    if (options.keepFolder !== true) await rm(workDir, { recursive: true, force: true });
    return code as number | null;
  });
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    return exited;
  };
  return { child, workDir, exited, stop, logs: () => text };
}

/** An agent of the admin that looks for work often. */
export function startAgent(server: TestServer, ...args: string[]): Promise<TestWorker> {
  const env = { LONGSHORE_URL: server.url, LONGSHORE_API_KEY: server.adminKey };
  return startWorker(['agent', '--poll-seconds', '0.1', ...args], env);
}

export async function upload(
  server: TestServer,
  body: string | Uint8Array<ArrayBuffer>,
  name = 'records',
): Promise<DatasetView> {
  const response = await server.fetch(`/api/training/dataset?name=${name}&filename=${name}.jsonl`, {
    method: 'POST',
    body,
  });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(JSON.stringify(answer));
  return answer.dataset;
}

export interface DatasetView {
  id: string;
  content_sha256: string;
  object_sha256: string;
  storage_path: string;
  file_size_bytes: number;
  replicas: { provider: string; key: string; state: string; verified_at: string | null }[];
}

export interface JobWish {
  config?: Record<string, unknown>;
  policy?: Record<string, unknown>;
}

/** A local job whose silent workers are given up after seconds. */
export async function makeJob(server: TestServer, datasetId: string, wish: JobWish = {}): Promise<JobView> {
  const policy = { heartbeat_timeout_seconds: 3, start_timeout_seconds: 30, ...wish.policy };
  const response = await send(server, 'POST', '/api/training/jobs', { dataset_id: datasetId, ...wish, policy });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(JSON.stringify(answer));
  return answer.job;
}

export function send(server: TestServer, method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return server.fetch(path, { method, ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }) });
}

export async function jobOf(server: TestServer, id: string): Promise<JobView> {
  return (await (await server.fetch(`/api/training/jobs/${id}`)).json()).job;
}

export async function eventsOf(server: TestServer, id: string, kind?: string): Promise<JobEvent[]> {
  const query = kind === undefined ? '' : `&kind=${kind}`;
  const response = await server.fetch(`/api/training/jobs/${id}/events?limit=1000${query}`);
  return (await response.json()).events;
}

export async function logOf(server: TestServer, id: string): Promise<string> {
  return (await eventsOf(server, id, 'log')).map((event) => event.data.text ?? '').join('');
}

/** Follows the job's events until one is as wanted. Throws, with all that was said, when the job ends before. */
export async function eventually(
  server: TestServer,
  id: string,
  wanted: (event: JobEvent) => boolean,
): Promise<JobEvent> {
  const headers = { accept: 'text/event-stream' };
  const stop = new AbortController();
  const response = await server.fetch(`/api/training/jobs/${id}/events`, { headers, signal: stop.signal });
  const seen: JobEvent[] = [];
  try {
    for await (const { data } of frames(response)) {
      const event = JSON.parse(data) as JobEvent;
      seen.push(event);
      if (event.kind !== undefined && wanted(event)) return event;
    }
  } finally {
    stop.abort();
  }
  throw new Error(`The job ended before: ${JSON.stringify(seen.slice(-20), null, 1)}`);
}

/** Resolves with the job once it is in one of these states. */
export async function reached(server: TestServer, id: string, ...states: string[]): Promise<JobView> {
  await eventually(server, id, (event) => event.kind === 'state' && states.includes(event.data.to ?? ''));
  return jobOf(server, id);
}

export interface Frame {
  id: string;
  event: string;
  data: string;
}

/** The frames of a stream of server-sent events. */
export async function* frames(response: Response): AsyncGenerator<Frame> {
  if (response.body === null) return;
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
      if (fields.data !== undefined) yield { id: fields.id ?? '', event: fields.event ?? '', data: fields.data };
    }
  }
}

/** False also for one that has ended and that nobody has asked about yet. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
