import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { spawnServer, startServer, type TestServer } from '@/tests/support/server.ts';

const LINE = '{"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"hi"}]}\n';

// Each starts real processes, the embedded database among them.
describe('a start that fails', { timeout: 90_000 }, () => {
  let dataDir = '';
  let taken: Server | undefined;
  afterEach(async () => {
    taken?.close();
    if (dataDir !== '') await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });

  /** What a person sees, and what the shell learns. */
  async function failure(env: Record<string, string>): Promise<{ code: number | null; said: string }> {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-data-'));
    const server = spawnServer({ DATA_DIR: dataDir, ...env });
    server.ready.catch(() => undefined);
    return { code: await server.exited, said: server.logs() };
  }

  test('tells every wrong setting together', async () => {
    const { code, said } = await failure({ PORT: 'x', GZIP_LEVEL: '99', DATABASE_URL: 'mysql://root:hunter2@h/d' });
    expect(code).toBe(2);
    for (const name of ['PORT', 'GZIP_LEVEL', 'DATABASE_URL', 'ENCRYPTION_KEY']) expect(said).toContain(`${name}: `);
    expect(said).not.toContain('hunter2');
    expect(said).not.toContain('    at ');
  });

  test('names the port that is taken and how to choose another, before it touches any data', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    taken = listener;
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    const { code, said } = await failure({ PORT: String(port) });
    expect(code).toBe(4);
    expect(said).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(said).toContain('PORT=3001');
    await expect(stat(join(dataDir, 'secret.key'))).rejects.toThrow('ENOENT');
  });

  test('says that the database does not answer, without its password', async () => {
    const { code, said } = await failure({
      DATABASE_URL: 'postgres://longshore:hunter2@127.0.0.1:1/longshore',
      ENCRYPTION_KEY: 'ab'.repeat(32),
    });
    expect(code).toBe(4);
    expect(said).toContain('127.0.0.1:1');
    expect(said).not.toContain('hunter2');
    expect(said).not.toContain('    at ');
  });

  test('says who holds the data directory', async () => {
    const first = await startServer();
    const second = spawnServer({ DATA_DIR: first.dataDir });
    second.ready.catch(() => undefined);
    expect(await second.exited).toBe(4);
    expect(second.logs()).toContain(first.url);
    expect((await first.fetch('/readyz')).status).toBe(200);
    expect(await first.stop()).toBe(0);
  });
});

describe('a running server', { timeout: 90_000 }, () => {
  let server: TestServer | undefined;
  afterEach(async () => {
    await server?.kill9();
    if (server !== undefined) await rm(server.dataDir, { recursive: true, force: true, maxRetries: 20 });
  });

  /** An upload that the server has begun to serve, and whose second half the test sends when it likes. */
  async function halfUpload({ url, adminKey }: TestServer) {
    const headers = {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/jsonl',
      'content-length': LINE.length * 2,
      expect: '100-continue',
    };
    const path = '/api/training/dataset?name=half&format=messages';
    const request = httpRequest(url + path, { method: 'POST', headers });
    request.flushHeaders();
    await once(request, 'continue');
    request.write(LINE);
    const answer = once(request, 'response').then(([response]) => response as IncomingMessage);
    answer.catch(() => undefined);
    return { request, answer };
  }

  test('shows a sign-in link where only this machine can use it', async () => {
    server = await startServer();
    expect(server.logs()).toContain('/signin?key=');
  });

  test('keeps its key file to its owner, and where the network reaches it shows no sign-in link to a log', async () => {
    server = await startServer({ HOST: '0.0.0.0' });
    const path = join(server.dataDir, 'admin-key');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(server.logs()).toContain(path);
    expect(server.logs()).not.toContain('/signin?key=');
    expect(server.logs()).not.toContain((await readFile(path, 'utf8')).trim());
  });

  test('told to stop, finishes what runs, ends event streams, takes nothing new and exits with 0', async () => {
    server = await startServer();
    const upload = await halfUpload(server);
    const events = await server.fetch('/api/events');
    const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
    await reader?.read();
    server.process.kill('SIGTERM');
    await server.logged('stopping');
    let last = await reader?.read();
    while (last?.done === false) last = await reader?.read();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    upload.request.end(LINE);
    const answer = await upload.answer;
    answer.resume();
    expect(answer.statusCode).toBe(201);
    expect(answer.headers.connection).toBe('close');
    expect(await server.exited).toBe(0);
  });

  test('does not wait for ever: what runs after the deadline is cut', async () => {
    server = await startServer({ SHUTDOWN_TIMEOUT: '200ms' });
    const { answer } = await halfUpload(server);
    server.process.kill('SIGTERM');
    await expect(answer).rejects.toThrow();
    expect(await server.exited).toBe(0);
  });

  test('a second signal ends it at once, and the next start finds everything in order', async () => {
    server = await startServer();
    const { request } = await halfUpload(server);
    request.on('error', () => undefined);
    server.process.kill('SIGINT');
    await server.logged('stopping');
    server.process.kill('SIGINT');
    expect(await server.exited).toBe(130);
    const next = await startServer({ DATA_DIR: server.dataDir });
    expect(next.adminKey).toBe(server.adminKey);
    expect(await (await next.fetch('/api/training/dataset')).json()).toMatchObject({ datasets: [] });
    expect(await next.stop()).toBe(0);
  });
});
