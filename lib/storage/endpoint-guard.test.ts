import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectCode } from '@/tests/conformance/storage-service.ts';
import { EndpointGuard, EndpointRefusedError, type ResolvedAddress } from './endpoint-guard.ts';
import { HttpClient } from './http-client.ts';

describe('EndpointGuard', () => {
  let server: http.Server;
  let port: number;
  let requests = 0;

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      requests += 1;
      if (request.url === '/redirect') response.writeHead(302, { location: 'http://127.0.0.1/secret' }).end();
      else response.end('reached');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const clientOf = (guard: EndpointGuard) => new HttpClient(guard, { provider: 's3', operation: 'probe' });
  const strict = (resolve?: (hostname: string) => Promise<ResolvedAddress[]>) =>
    new EndpointGuard({ allowPrivateEndpoints: false, resolve });

  it.each([
    'http://127.0.0.1',
    'http://2130706433',
    'http://0x7f.1',
    'http://0x7f000001',
    'http://017700000001',
    'http://127.1',
    'http://0',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://[::ffff:7f00:1]',
    'http://[::127.0.0.1]',
    'http://①②⑦.⓪.⓪.①',
    'http://169.254.169.254',
    'http://10.0.0.8:9000',
    'https://192.168.0.1',
    'http://user:password@example.org',
    'ftp://example.org',
    'file:///etc/passwd',
    'example.org',
    '',
  ])('refuses the endpoint %s', (endpoint) => {
    expect(() => strict().parseEndpoint(endpoint)).toThrow(EndpointRefusedError);
  });

  it('takes public endpoints, and private ones when the installation allows them', () => {
    expect(strict().parseEndpoint('https://s3.example.org/').hostname).toBe('s3.example.org');
    const open = new EndpointGuard({ allowPrivateEndpoints: true });
    expect(open.parseEndpoint('http://127.0.0.1:9000').port).toBe('9000');
  });

  it.each(['127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', 'localhost'])('makes no connection to %s', async (host) => {
    const before = requests;
    const call = { method: 'GET', url: new URL(`http://${host}:${port}/`) } as const;
    await expectCode(clientOf(strict()).send(call), 'endpoint_refused');
    expect(requests).toBe(before);
  });

  it('judges every connect, so a name that moves to a private address is caught', async () => {
    const answers = [[{ address: '203.0.114.7', family: 4 }], [{ address: '127.0.0.1', family: 4 }]];
    const guard = strict(async () => answers.shift() ?? []);
    await new Promise<void>((resolve) => {
      guard.lookup('store.example.org', { all: true }, (error, found) => {
        expect(error).toBeNull();
        expect(found).toHaveLength(1);
        resolve();
      });
    });
    const before = requests;
    const call = { method: 'GET', url: new URL(`http://store.example.org:${port}/`) } as const;
    await expectCode(clientOf(guard).send(call), 'endpoint_refused');
    expect(requests).toBe(before);
  });

  it('refuses a name of which one address is private', async () => {
    const mixed = [
      { address: '52.216.8.171', family: 4 },
      { address: 'fd00::1', family: 6 },
    ];
    const call = { method: 'GET', url: new URL('http://mixed.example.org/') } as const;
    await expectCode(clientOf(strict(async () => mixed)).send(call), 'endpoint_refused');
  });

  it('answers with a redirect instead of following it', async () => {
    const guard = new EndpointGuard({ allowPrivateEndpoints: true });
    const before = requests;
    const reply = await clientOf(guard).send({ method: 'GET', url: new URL(`http://127.0.0.1:${port}/redirect`) });
    expect(reply.status).toBe(302);
    expect(requests).toBe(before + 1);
    guard.close();
  });

  it('says unavailable when nobody listens, and aborted when told to stop', async () => {
    const guard = new EndpointGuard({ allowPrivateEndpoints: true });
    const call = { method: 'GET', url: new URL('http://127.0.0.1:1/') } as const;
    await expectCode(clientOf(guard).send(call), 'unavailable');
    await expectCode(clientOf(guard).send({ ...call, signal: AbortSignal.abort() }), 'aborted');
    guard.close();
  });
});
