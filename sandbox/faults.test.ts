import { Agent, type IncomingMessage, request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAll, type SandboxApp } from './exchange.ts';
import { FaultInjector, type FaultRule } from './faults.ts';
import { LoopbackServer } from './loopback-server.ts';
import { RequestLog } from './request-log.ts';
import { Throttle } from './throttle.ts';

const BODY = Buffer.from('0123456789');
/** What the application has really done, whatever its clients were told. */
const received: string[] = [];

const app: SandboxApp = {
  operationOf: ({ method }) => (method === 'PUT' ? 'write' : 'read'),
  handle: async (exchange) => {
    if (exchange.method !== 'PUT') return { status: 200, headers: { 'content-length': '10' }, body: BODY };
    received.push((await readAll(exchange.body, 1e9)).toString());
    return { status: 200, body: 'stored' };
  },
  refuse: (_exchange, fault) => ({ status: fault.status, body: fault.code ?? 'refused' }),
};

const parts = { app, faults: new FaultInjector(), throttle: new Throttle(), log: new RequestLog() };
const server = new LoopbackServer(parts);
const agent = new Agent();

beforeAll(async () => await server.start());
afterEach(() => {
  parts.faults.clear();
  parts.throttle.set({});
  parts.log.clear();
  received.length = 0;
});
afterAll(async () => {
  agent.destroy();
  await server.stop();
});

interface Outcome {
  status: number | undefined;
  body: string;
  headers: IncomingMessage['headers'];
  /** Code of the connection's error. */
  broken: string | undefined;
}

function send(method: string, body?: string, timeoutMs = 20_000): Promise<Outcome> {
  return new Promise((resolve) => {
    const outcome: Outcome = { status: undefined, body: '', headers: {}, broken: undefined };
    const end = (broken?: string) => resolve({ ...outcome, broken });
    const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const outgoing = request(`${server.url}/things/a`, {
      method,
      agent,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.name));
    outgoing.on('response', (response) => {
      Object.assign(outcome, { status: response.statusCode, headers: response.headers });
      response.on('data', (chunk) => {
        outcome.body += chunk;
      });
      response.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.name));
      response.on('end', () => end());
    });
    outgoing.end(body);
  });
}

function add(action: FaultRule['action'], rule: Partial<FaultRule> = {}): string {
  return parts.faults.add({ ...rule, action });
}

describe('faults of whole requests', () => {
  it('answer a status before the operation, or after it', async () => {
    add({ kind: 'status', status: 503, code: 'SlowDown', retryAfterSeconds: 7 }, { times: 1 });
    expect(await send('PUT', 'x')).toMatchObject({ status: 503, body: 'SlowDown', headers: { 'retry-after': '7' } });
    expect(received).toEqual([]);
    add({ kind: 'status', status: 500, when: 'after' }, { times: 1 });
    expect((await send('PUT', 'x')).status).toBe(500);
    expect(received).toEqual(['x']);
    expect((await send('PUT', 'y')).status).toBe(200);
  });

  it('reset the connection before or after the operation', async () => {
    add({ kind: 'reset', when: 'before' }, { times: 1 });
    expect((await send('PUT', 'x')).broken).toBe('ECONNRESET');
    expect(received).toEqual([]);
    add({ kind: 'reset', when: 'after' }, { times: 1 });
    expect((await send('PUT', 'x')).broken).toBe('ECONNRESET');
    expect(received).toEqual(['x']);
  });

  it('stall until the client gives up', async () => {
    add({ kind: 'stall' }, { times: 1 });
    expect((await send('PUT', 'x', 300)).broken).toBe('ABORT_ERR');
    expect(received).toEqual([]);
    add({ kind: 'stall', when: 'after' }, { times: 1 });
    expect((await send('PUT', 'x', 300)).broken).toBe('ABORT_ERR');
    expect(received).toEqual(['x']);
  });

  it('take the server down, and let it come back on its port', async () => {
    add({ kind: 'outage' });
    expect((await send('GET')).broken).toBe('ECONNRESET');
    parts.faults.clear();
    const { url } = server;
    await server.stop();
    expect((await send('GET')).broken).toBe('ECONNREFUSED');
    await server.start();
    expect(server.url).toBe(url);
    expect((await send('GET')).status).toBe(200);
  });
});

describe('faults of bodies', () => {
  it('truncate, cut, stall and flip what the client reads', async () => {
    add({ kind: 'truncate', afterBytes: 4 }, { times: 1 });
    expect(await send('GET')).toMatchObject({ status: 200, body: '0123', broken: 'ECONNRESET' });
    add({ kind: 'reset', when: 'response', afterBytes: 4 }, { times: 1 });
    expect(await send('GET')).toMatchObject({ broken: 'ECONNRESET' });
    add({ kind: 'stall', when: 'response', afterBytes: 3 }, { times: 1 });
    expect(await send('GET', undefined, 300)).toMatchObject({ status: 200, body: '012', broken: 'ABORT_ERR' });
    add({ kind: 'bit_flip', atByte: 2 }, { times: 1 });
    expect(await send('GET')).toMatchObject({ status: 200, body: '0133456789', broken: undefined });
  });

  it('truncate, cut and flip what the server reads', async () => {
    add({ kind: 'truncate', side: 'request', afterBytes: 3 }, { times: 1 });
    add({ kind: 'bit_flip', side: 'request', atByte: 0 }, { skip: 1, times: 1 });
    await send('PUT', 'abcdef');
    await send('PUT', 'abcdef');
    add({ kind: 'reset', when: 'request', afterBytes: 3 }, { times: 1 });
    expect((await send('PUT', 'abcdef')).broken).toBe('ECONNRESET');
    expect(received).toEqual(['abc', '`bcdef']);
  });
});

describe('rules', () => {
  it('match by method, path and operation', async () => {
    add({ kind: 'status', status: 418 }, { method: 'PUT', path: /^\/things\//, operation: ['write'] });
    add({ kind: 'status', status: 410 }, { path: '/elsewhere' });
    expect([(await send('GET')).status, (await send('PUT', 'x')).status]).toEqual([200, 418]);
  });

  it('skip, count and repeat the same chances for the same seed', () => {
    const facts = { method: 'GET', path: '/', operation: 'read' };
    const chances = (seed: number) => {
      const faults = new FaultInjector({ seed });
      const id = faults.add({ skip: 10, times: 20, probability: 0.3, action: { kind: 'outage' } });
      const acted = Array.from({ length: 200 }, () => faults.take(facts).length);
      return { acted, counted: faults.get(id)?.acted };
    };
    const { acted, counted } = chances(7);
    expect(acted.slice(0, 10)).toEqual(Array(10).fill(0));
    expect(counted).toBe(20);
    expect(chances(7).acted).toEqual(acted);
    expect(chances(8).acted).not.toEqual(acted);
  });

  it('limit rates by the clock they are given', () => {
    let now = 0;
    const faults = new FaultInjector({ now: () => now });
    faults.add({ action: { kind: 'rate_limit', perSecond: 2, burst: 3 } });
    const refused = (count: number) =>
      Array.from({ length: count }, () => faults.take({ method: 'GET', path: '/', operation: 'read' }).length);
    expect(refused(5)).toEqual([0, 0, 0, 1, 1]);
    now = 1000;
    expect(refused(3)).toEqual([0, 0, 1]);
  });
});

describe('throttle', () => {
  it('makes all bytes of one direction wait for each other', async () => {
    let now = 0;
    const waits: number[] = [];
    const throttle = new Throttle({ now: () => now, sleep: async (ms) => void waits.push(ms) });
    const { signal } = new AbortController();
    await throttle.up(1000, signal);
    throttle.set({ upBytesPerSecond: 1000, downBytesPerSecond: 100 });
    await Promise.all([throttle.up(500, signal), throttle.up(500, signal), throttle.down(10, signal)]);
    now = 10_000;
    await throttle.up(100, signal);
    expect(waits).toEqual([500, 1000, 100, 100]);
  });

  it('stands between the sockets and the application', async () => {
    const waits: number[] = [];
    const throttle = new Throttle({ now: () => 0, sleep: async (ms) => void waits.push(ms) });
    throttle.set({ upBytesPerSecond: 1000, downBytesPerSecond: 2000 });
    const throttled = new LoopbackServer({ ...parts, throttle });
    await throttled.start();
    await (await fetch(throttled.url, { method: 'PUT', body: 'x'.repeat(500) })).text();
    await throttled.stop();
    expect(waits).toEqual([500, 3]);
  });
});

describe('the switch over HTTP', () => {
  const admin = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
    const response = await fetch(`${server.url}/__sandbox/${path}`, init);
    return { status: response.status, body: (await response.json()) as unknown };
  };

  it('adds, shows and removes rules, and shows the requests', async () => {
    const { body } = await admin('POST', 'faults', { method: 'GET', action: { kind: 'status', status: 418 } });
    const { id } = body as { id: string };
    expect((await send('GET')).status).toBe(418);
    expect((await admin('GET', 'faults')).body).toMatchObject([{ id, matched: 1, acted: 1 }]);
    await admin('DELETE', `faults/${id}`);
    expect((await send('GET')).status).toBe(200);
    expect((await admin('GET', 'requests?operation=read')).body).toMatchObject([{ status: 418 }, { status: 200 }]);
  });

  it('is closed to pages in a browser', async () => {
    expect((await admin('GET', 'faults', undefined, { origin: 'http://evil.example' })).status).toBe(403);
  });
});
