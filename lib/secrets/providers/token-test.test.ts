import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type TokenProvider, testToken } from '@/lib/secrets/providers/token-test.ts';
import type { SecretContents } from '@/lib/secrets/secrets.types.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import { startHttpServer, type TestHttpServer } from '@/tests/support/http-server.ts';

const guard = new EndpointGuard({ allowPrivateEndpoints: true });
const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
let server: TestHttpServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const KEY = 'rpa_veryWellKnownKey';

async function run(
  provider: TokenProvider,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  metadata: Record<string, unknown> = {},
) {
  server = await startHttpServer(answer);
  const { url } = server;
  const baseUrls = { runpod: `${url}/v1/`, lambda: `${url}/api/v1`, huggingface: `${url}/api` };
  const content = { api_key: KEY, metadata } as SecretContents[TokenProvider];
  const options = {
    send: (call: Parameters<HttpClient['send']>[0]) => client.send(call),
    now: () => new Date(),
    baseUrls,
  };
  return testToken(provider, content, { ...options, timeoutMs: 500 });
}

const answering =
  (body: unknown, status = 200) =>
  (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

describe('testToken', () => {
  it.each([
    ['runpod', 'GET /v1/pods'],
    ['lambda', 'GET /api/v1/ssh-keys'],
    ['huggingface', 'GET /api/whoami-v2'],
  ] as const)('asks %s one question, with the key in its header only', async (provider, asked) => {
    let authorization: string | undefined;
    const report = await run(provider, (request, response) => {
      authorization = request.headers.authorization;
      answering([])(request, response);
    });
    expect(authorization).toBe(`Bearer ${KEY}`);
    expect(server?.asked).toEqual([asked]);
    expect(report.checks[0]).toMatchObject({ id: 'token', status: 'ok' });
    expect(JSON.stringify(report)).not.toContain(KEY);
  });

  it.each([
    [401, 'failed', 'invalid_token'],
    [403, 'failed', 'access_denied'],
    [404, 'failed', 'unexpected_answer'],
    [302, 'failed', 'unexpected_answer'],
    [429, 'inconclusive', 'unavailable'],
    [500, 'inconclusive', 'unavailable'],
    [503, 'inconclusive', 'unavailable'],
  ])('reads HTTP %i as %s', async (status, verdict, code) => {
    const report = await run('runpod', answering({ error: `no key ${KEY}` }, status));
    expect([report.status, report.checks[0]?.code]).toEqual([verdict, code]);
    expect(JSON.stringify(report)).not.toContain(KEY);
  });

  it('is inconclusive about a provider that stays silent or answers nonsense for ever', async () => {
    expect((await run('runpod', () => undefined)).checks[0]).toMatchObject({ status: 'failed', code: 'timeout' });
    await server?.close();
    const endless = await run('runpod', (_request, response) => {
      response.writeHead(200);
      const write = () => response.write('x'.repeat(65_536), (error) => error ?? setImmediate(write));
      write();
    });
    expect(endless.status).toBe('ok');
  });

  it('compares the Hugging Face user with the owner of the key and its organisations', async () => {
    const who = answering({ name: 'ada', orgs: [{ name: 'analytical-engines' }] });
    expect((await run('huggingface', who)).suggestions).toEqual({ username: 'ada' });
    await server?.close();
    const org = await run('huggingface', who, { huggingface: { username: 'Analytical-Engines' } });
    expect(org.checks[1]).toMatchObject({ id: 'account', status: 'ok' });
    await server?.close();
    const wrong = await run('huggingface', who, { huggingface: { username: 'babbage' } });
    expect(wrong).toMatchObject({ status: 'ok', suggestions: { username: 'ada' } });
    expect(wrong.checks[1]).toMatchObject({ status: 'failed', code: 'wrong_username', required: false });
  });

  it('looks for the SSH key at Lambda Cloud', async () => {
    const keys = answering({ data: [{ id: '1', name: 'laptop' }] });
    expect((await run('lambda', keys, { lambda: { ssh_key_name: 'laptop' } })).checks[1]?.status).toBe('ok');
    await server?.close();
    expect((await run('lambda', keys, { lambda: { ssh_key_name: 'desk' } })).checks[1]?.code).toBe('ssh_key_unknown');
    await server?.close();
    expect((await run('lambda', keys)).checks[1]?.code).toBe('ssh_key_missing');
  });
});
