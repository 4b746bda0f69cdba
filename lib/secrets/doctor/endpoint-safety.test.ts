import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import { parseSecretInput } from '@/lib/secrets/secret-input.ts';
import { EndpointGuard, type EndpointGuardOptions } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { startHttpServer } from '@/tests/support/http-server.ts';

let sandbox: S3Sandbox;
let port: string;
const context = { externalId: 'longshore-x' };

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  port = new URL(sandbox.url).port;
});
afterAll(() => sandbox.close());

/** Everything a person can type goes through the same two steps: the form's rules, then the doctor behind the guard. */
async function examine(
  endpoint: string,
  options: Partial<EndpointGuardOptions> = {},
  role?: string,
): Promise<DoctorReport> {
  const guard = new EndpointGuard({ allowPrivateEndpoints: false, ...options });
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  const doctor = new AwsDoctor({
    send: (call) => client.send(call),
    now: () => new Date(),
    platform: undefined,
    allowPlainHttp: true,
  });
  const aws = { secret_access_key: sandbox.secretAccessKey, s3_bucket: sandbox.bucket, endpoint, role_arn: role };
  const content = parseSecretInput('aws', { api_key: sandbox.accessKeyId, metadata: { aws } }, context);
  const report = await doctor.examine(content, 'u1');
  guard.close();
  return report;
}

const endpointCheck = (report: DoctorReport) => report.checks.find((check) => check.id === 'endpoint');

describe('an endpoint on the private network', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    '0177.0.0.1',
    '017700000001',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '0.0.0.0',
    '0',
    '[::]',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '[fd00:ec2::254]',
    '[fe80::1]',
    'localhost',
    'LOCALHOST',
    '①②⑦.⓪.⓪.①',
  ])('%s is refused before a byte is sent', async (host) => {
    sandbox.log.clear();
    const report = await examine(`http://${host}:${port}`);
    expect(endpointCheck(report)).toMatchObject({ status: 'failed', code: 'endpoint_refused' });
    expect(report.checks.filter((check) => check.status === 'ok').map((check) => check.id)).toEqual(['cleanup']);
    expect(sandbox.log.list()).toEqual([]);
  });

  it.each(['127.0.0.1', '169.254.169.254', '::ffff:10.0.0.1'])(
    'a name that leads to %s is refused',
    async (address) => {
      sandbox.log.clear();
      const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
      expect(endpointCheck(await examine(`http://store.example.org:${port}`, { resolve }))).toMatchObject({
        code: 'endpoint_refused',
      });
      expect(sandbox.log.list()).toEqual([]);
    },
  );

  it('is refused to STS too, where a role is assumed with keys at that endpoint', async () => {
    sandbox.log.clear();
    const report = await examine(sandbox.url, {}, 'arn:aws:iam::444455556666:role/data');
    expect(endpointCheck(report)).toMatchObject({ code: 'endpoint_refused' });
    expect(sandbox.log.list()).toEqual([]);
  });
});

describe('an endpoint that redirects', () => {
  it('is told so, and the other address is never asked', async () => {
    const target = await startHttpServer((_request, response) => response.end());
    const redirecting = await startHttpServer((_request, response) => {
      response.writeHead(302, { location: target.url }).end();
    });
    const report = await examine(redirecting.url, { allowPrivateEndpoints: true });
    expect(endpointCheck(report)).toMatchObject({ status: 'failed', code: 'endpoint_redirects' });
    expect(target.asked).toEqual([]);
    await Promise.all([target.close(), redirecting.close()]);
  });

  it('gets no further when it begins to redirect later', async () => {
    const target = await startHttpServer((_request, response) => response.end());
    let count = 0;
    const redirecting = await startHttpServer((_request, response) => {
      count += 1;
      if (count === 1) response.writeHead(403).end();
      else response.writeHead(307, { location: `${target.url}/steal` }).end();
    });
    const report = await examine(redirecting.url, { allowPrivateEndpoints: true });
    expect(report.status).toBe('failed');
    expect(target.asked).toEqual([]);
    await Promise.all([target.close(), redirecting.close()]);
  });
});

describe('AwsDoctor at a bucket that strangers can read', () => {
  it('fails: the datasets would be public', async () => {
    const proxy = await startHttpServer((incoming, outgoing) => {
      const isStranger = incoming.headers.authorization === undefined && !incoming.url?.includes('X-Amz-Signature');
      if (isStranger && incoming.url?.includes('longshore-doctor')) return outgoing.end('public');
      const headers = { ...incoming.headers };
      const forwarded = request(`${sandbox.url}${incoming.url}`, { method: incoming.method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    });
    const report = await examine(proxy.url, { allowPrivateEndpoints: true });
    await proxy.close();
    expect(report.checks.find((check) => check.id === 'public_access')).toMatchObject({
      status: 'failed',
      code: 'public_bucket',
      required: true,
    });
    expect(report.status).toBe('failed');
  });
});

describe('plain HTTP', () => {
  it('is refused where private endpoints are', async () => {
    const guard = new EndpointGuard({ allowPrivateEndpoints: false });
    const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
    const options = { send: (call: Parameters<HttpClient['send']>[0]) => client.send(call), platform: undefined };
    const doctor = new AwsDoctor({ ...options, now: () => new Date(), allowPlainHttp: false });
    const aws = { secret_access_key: 'x', s3_bucket: 'data', endpoint: 'http://minio.example.org', external_id: 'e' };
    const report = await doctor.examine({ api_key: 'k', metadata: { aws } }, 'u1');
    expect(endpointCheck(report)).toMatchObject({ status: 'failed', code: 'insecure_endpoint' });
    guard.close();
  });
});
