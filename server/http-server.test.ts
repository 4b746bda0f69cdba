import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LongshoreError } from '@/lib/errors.ts';
import { requestBody } from '@/lib/http/body.ts';
import { endpoint, type RouteHandler } from '@/lib/http/endpoint.ts';
import { json, stream } from '@/lib/http/responses.ts';
import { testApplication } from '@/tests/support/application.ts';
import { createHttpApp } from './http-app.ts';
import { createHttpServer, listen } from './http-server.ts';
import { patternOf } from './route-pattern.ts';
import { serveApplication } from './serve-application.ts';

const IDLE_MS = 200;

/** A promise that the test settles, or waits for. */
function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Resolves whether the stream was ended or broken off. */
function closed(source: Readable): Promise<void> {
  return new Promise((resolve) => source.once('close', resolve));
}

describe('the HTTP server', () => {
  const application = testApplication();
  let server: Server;
  let port = 0;
  let handlers: Record<string, RouteHandler> = {};
  const handler = (name: 'GET' | 'POST', work: Parameters<typeof endpoint<'none'>>[1]) => {
    handlers = { [name]: endpoint({ auth: 'none', summary: 'test' }, work) };
  };

  beforeAll(async () => {
    const current: RouteHandler = (request, context) => {
      const chosen = handlers[request.method === 'HEAD' ? 'GET' : request.method];
      if (chosen === undefined) throw new Error('no handler');
      return chosen(request, context);
    };
    const module = { GET: current, POST: current };
    const routes = [{ pattern: patternOf('api/test/route.js'), module }];
    const app: Hono = createHttpApp({ application: application.app, routes, page: async () => undefined });
    const http = { idleTimeoutMs: IDLE_MS, maxConnections: 100, shutdownTimeoutMs: 1000 };
    server = createHttpServer(http, serveApplication(application.app, app));
    port = await listen(server, 0, '127.0.0.1');
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function post(length: number) {
    const request = httpRequest({ port, method: 'POST', path: '/api/test', headers: { 'content-length': length } });
    request.on('error', () => undefined);
    return request;
  }

  async function answerOf(request: ReturnType<typeof post>): Promise<{ status: number; body: string }> {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += chunk;
    return { status: response.statusCode ?? 0, body };
  }

  /** A connection that has asked for the path and reads nothing by itself. */
  async function silentGet(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('GET /api/test HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return socket;
  }

  test('does not cut long requests, and bounds headers', async () => {
    expect(server.requestTimeout).toBe(0);
    expect(server.headersTimeout).toBe(20_000);
    expect(server.keepAliveTimeout).toBeGreaterThan(60_000);
    expect(server.maxConnections).toBe(100);
    const large = await fetch(`http://127.0.0.1:${port}/api/test`, { headers: { 'x-large': 'x'.repeat(17_000) } });
    expect(large.status).toBe(431);
  });

  test('reads a body in full and in order, whatever its framing', async () => {
    handler('POST', async ({ request }) => {
      let bytes = 0;
      let sum = 0;
      for await (const chunk of requestBody(request) as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        sum = chunk.reduce((total, byte) => (total * 31 + byte) % 1_000_003, sum);
      }
      return json({ bytes, sum });
    });
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const expected = {
      bytes: content.length,
      sum: content.reduce((total, byte) => (total * 31 + byte) % 1_000_003, 0),
    };
    const url = `http://127.0.0.1:${port}/api/test`;
    const sized = await fetch(url, { method: 'POST', body: content });
    const chunked = await fetch(url, {
      method: 'POST',
      body: Readable.toWeb(Readable.from([content.subarray(0, 7), content.subarray(7)])),
      duplex: 'half',
    } as RequestInit);
    expect([await sized.json(), await chunked.json()]).toEqual([expected, expected]);
    const empty = await fetch(url, { method: 'POST' });
    expect(await empty.json()).toEqual({ bytes: 0, sum: 0 });
  });

  test('a client that goes away during an upload aborts the request and ends its body', async () => {
    const seen = deferred<{ code: string; aborted: boolean }>();
    const started = deferred<void>();
    handler('POST', async ({ request, signal }) => {
      const aborted = once(signal, 'abort');
      try {
        for await (const _ of requestBody(request)) started.resolve();
      } catch (error) {
        await aborted;
        seen.resolve({ code: (error as LongshoreError).code, aborted: signal.aborted });
      }
      return json({});
    });
    const upload = post(1000);
    upload.write('half');
    await started.promise;
    upload.destroy();
    expect(await seen.promise).toEqual({ code: 'incomplete_body', aborted: true });
  });

  test('a client that goes away during a download destroys what it was sent from', async () => {
    const source = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    const aborted = deferred<void>();
    handler('GET', ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      return stream(source);
    });
    const socket = await silentGet();
    await once(socket, 'data');
    socket.destroy();
    await closed(source);
    await aborted.promise;
    expect(source.destroyed).toBe(true);
  });

  test('a body that is refused half-way still gets its answer', async () => {
    handler('POST', async ({ request }) => {
      for await (const _ of requestBody(request)) break;
      throw new LongshoreError('upload_too_large', 'Too large.');
    });
    const upload = post(10_000_000);
    upload.write(Buffer.alloc(200_000));
    expect(await answerOf(upload)).toMatchObject({ status: 413 });
    upload.destroy();
  });

  test('a body that nobody reads does not keep the answer', async () => {
    handler('POST', () => json({ read: false }, { status: 401 }));
    const upload = post(10_000_000);
    upload.write(Buffer.alloc(200_000));
    expect(await answerOf(upload)).toEqual({ status: 401, body: '{"read":false}' });
    upload.destroy();
  });

  test('an upload that falls silent is told so and ended', async () => {
    const seen = deferred<string>();
    handler('POST', async ({ request }) => {
      try {
        for await (const _ of requestBody(request));
      } catch (error) {
        seen.resolve((error as LongshoreError).code);
      }
      return json({});
    });
    const upload = post(1000);
    upload.write('half');
    const answer = await answerOf(upload);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([408, 'idle_timeout']);
    expect(await seen.promise).toBe('incomplete_body');
  });

  test('a download that nobody takes is ended', async () => {
    const source = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    handler('GET', () => stream(source));
    const socket = await silentGet();
    socket.pause();
    await closed(source);
    expect(source.destroyed).toBe(true);
    socket.destroy();
  });

  test('work of our own may take as long as it takes', async () => {
    const silences: unknown[] = [];
    const twice = deferred<void>();
    const count = () => {
      silences.push(1);
      if (silences.length === 2) twice.resolve();
    };
    server.on('timeout', count);
    handler('POST', async ({ request }) => {
      for await (const _ of requestBody(request));
      await twice.promise;
      return json({ silences: silences.length });
    });
    const upload = post(4);
    upload.end('all!');
    expect(await answerOf(upload)).toEqual({ status: 200, body: '{"silences":2}' });
    server.off('timeout', count);
  });

  test('a body that we do not read yet is not the client falling silent', async () => {
    const twice = deferred<void>();
    let silences = 0;
    const count = () => {
      silences += 1;
      if (silences === 2) twice.resolve();
    };
    server.on('timeout', count);
    handler('POST', async ({ request }) => {
      await twice.promise;
      let bytes = 0;
      for await (const chunk of requestBody(request) as AsyncIterable<Buffer>) bytes += chunk.length;
      return json({ bytes });
    });
    const upload = post(8_000_000);
    upload.end(Buffer.alloc(8_000_000));
    expect(await answerOf(upload)).toEqual({ status: 200, body: '{"bytes":8000000}' });
    server.off('timeout', count);
  });

  test('a response that breaks off is cut, never ended as if it were whole', async () => {
    handler('GET', () => {
      const source = new Readable({
        read() {
          this.push(Buffer.alloc(1000));
          this.destroy(new Error('disk'));
        },
      });
      return stream(source, { headers: { 'content-type': 'application/gzip' } });
    });
    const response = await fetch(`http://127.0.0.1:${port}/api/test`).catch((error: unknown) => error);
    const outcome =
      response instanceof Response ? await response.arrayBuffer().catch((error: unknown) => error) : response;
    expect(outcome).toBeInstanceOf(Error);
  });

  test('HEAD of a streamed answer reads nothing of it', async () => {
    let reads = 0;
    const source = new Readable({
      read() {
        reads += 1;
        this.push(null);
      },
    });
    handler('GET', () => stream(source, { headers: { 'content-length': '12345' } }));
    const response = await fetch(`http://127.0.0.1:${port}/api/test`, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('12345');
    expect([source.destroyed, reads]).toEqual([true, 0]);
  });

  test('a request that cannot be understood is a problem, not a crash', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /api/test HTTP/1.1\r\nHost: a b@c\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += chunk;
    expect(text).toContain('HTTP/1.1 400');
    expect(text).toContain('malformed_request');
  });

  test('every answer says how it may be used', async () => {
    handler('GET', () => json({}));
    const { headers } = await fetch(`http://127.0.0.1:${port}/api/test`);
    expect(headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(headers.get('content-security-policy')).not.toMatch(/script-src[^;]*unsafe/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-request-id')).toBeTruthy();
    const unknown = await fetch(`http://127.0.0.1:${port}/nowhere`);
    expect([unknown.status, unknown.headers.get('x-frame-options')]).toEqual([404, 'DENY']);
  });
});
