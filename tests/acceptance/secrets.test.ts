/** The API of secrets, over HTTP, at a real server with debug logs, on both kinds of users. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

let sandbox: S3Sandbox;
let server: TestServer;
let other: string;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  server = await startServer({
    ALLOW_PRIVATE_ENDPOINTS: 'true',
    AWS_ACCESS_KEY_ID: sandbox.accessKeyId,
    AWS_SECRET_ACCESS_KEY: sandbox.secretAccessKey,
    AWS_ENDPOINT_URL_STS: sandbox.url,
    RUNPOD_API_URL: `${sandbox.url}/runpod`,
    HUGGINGFACE_API_URL: `${sandbox.url}/hub`,
  });
  const made = await send('POST', '/api/users', { name: 'other' });
  other = (await made.json()).key;
});
afterAll(async () => {
  await server.stop();
  await sandbox.close();
});

function send(method: string, path: string, body?: unknown, key?: string): Promise<Response> {
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  if (key !== undefined) headers.authorization = `Bearer ${key}`;
  return server.fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

const keys = () => ({
  api_key: sandbox.accessKeyId,
  metadata: { aws: { secret_access_key: sandbox.secretAccessKey, s3_bucket: sandbox.bucket, endpoint: sandbox.url } },
});

describe('/api/secrets', () => {
  it('shows an empty page with all that is needed to fill it', async () => {
    const page = await (await send('GET', '/api/secrets')).json();
    expect(page.secrets).toEqual([]);
    expect(page.providers.map((p: { id: string }) => p.id)).toEqual(['aws', 'lambda', 'runpod', 'huggingface']);
    expect(page.aws.external_id).toMatch(/^longshore-[0-9a-f]{32}$/);
    expect(page.aws.principal_arn).toBe('arn:aws:iam::111122223333:user/owner');
    expect(JSON.stringify(page.aws.trust_policy)).toContain(page.aws.external_id);
    expect(JSON.stringify(page.aws.permissions_policy)).toContain('arn:aws:s3:::YOUR-BUCKET/');
  });

  it('tests without storing, stores, tests what is stored, shows no secret, and deletes', async () => {
    const tested = await send('POST', '/api/secrets/aws/test', keys());
    expect(tested.status).toBe(200);
    expect(await tested.json()).toMatchObject({ report: { status: 'ok' }, secret: null });
    expect((await (await send('GET', '/api/secrets')).json()).secrets).toEqual([]);

    const stored = await send('PUT', '/api/secrets/aws', keys());
    expect(stored.status).toBe(200);
    expect(await stored.json()).toMatchObject({ secret: { state: 'active', version: 1 }, report: { status: 'ok' } });

    const again = await send('POST', '/api/secrets/aws/test');
    const answer = await again.text();
    expect(JSON.parse(answer)).toMatchObject({ report: { status: 'ok' }, secret: { version: 1 } });
    const page = await (await send('GET', '/api/secrets')).text();
    for (const shown of [answer, page]) {
      expect(shown).not.toContain(sandbox.secretAccessKey);
      expect(shown).not.toContain(sandbox.accessKeyId);
      expect(shown).toContain(sandbox.accessKeyId.slice(-4));
    }

    expect((await (await send('GET', '/api/secrets', undefined, other)).json()).secrets).toEqual([]);
    expect((await send('DELETE', '/api/secrets/aws', undefined, other)).status).toBe(404);
    expect((await send('DELETE', '/api/secrets/aws')).status).toBe(204);
    expect((await send('POST', '/api/secrets/aws/test')).status).toBe(404);
  });

  it.each([
    ['PUT', '/api/secrets/aws', { metadata: {} }, 400, 'invalid_secret'],
    ['PUT', '/api/secrets/gcp', {}, 404, 'provider_unknown'],
    ['POST', '/api/secrets/aws/test', { api_key: 'AKIA' }, 400, 'invalid_secret'],
    ['PUT', '/api/secrets/runpod', { api_key: 'rpa_0123456789abcdef' }, 422, 'secret_test_failed'],
  ])('%s %s answers what is wrong', async (method, path, body, status, code) => {
    const answer = await send(method, path, body);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    const problem = await answer.json();
    expect(problem).toMatchObject({ code, hint: expect.any(String), request_id: expect.any(String) });
    if (code === 'invalid_secret')
      expect(problem.errors[0]).toMatchObject({ path: expect.any(String), message: expect.any(String) });
  });

  it('asks for sign-in everywhere', async () => {
    for (const [method, path] of [
      ['GET', '/api/secrets'],
      ['PUT', '/api/secrets/aws'],
      ['DELETE', '/api/secrets/aws'],
      ['POST', '/api/secrets/aws/test'],
    ] as const) {
      expect([path, (await send(method, path, undefined, 'ls_nobody')).status]).toEqual([path, 401]);
    }
  });

  it('says a failing test in full, and stores it only on request', async () => {
    const secretAccessKey = randomBytes(30).toString('base64');
    sandbox.identities.addUser({
      name: 'few',
      accessKeyId: 'AKIAFEWRIGHTS0000000',
      secretAccessKey,
      deny: ['s3:PutObject'],
    });
    const few = keys();
    few.api_key = 'AKIAFEWRIGHTS0000000';
    few.metadata.aws.secret_access_key = secretAccessKey;
    const refused = await send('PUT', '/api/secrets/aws', few);
    expect(refused.status).toBe(422);
    const { report } = await refused.json();
    expect(report.checks.find((c: { id: string }) => c.id === 'put')).toMatchObject({
      status: 'failed',
      action: 's3:PutObject',
    });
    const kept = await send('PUT', '/api/secrets/aws?store_failing=true', few);
    expect(await kept.json()).toMatchObject({ secret: { state: 'failed' } });
    await send('DELETE', '/api/secrets/aws');
  });

  it('examines the installation for admins only', async () => {
    const report = await (await send('GET', '/api/storage/doctor')).json();
    expect(report).toMatchObject({ subject: 'installation', status: 'ok', phases: expect.any(Array) });
    expect((await send('GET', '/api/storage/doctor', undefined, other)).status).toBe(403);
  });

  it('writes no secret anywhere: not to its logs, not to its data directory', async () => {
    await send('PUT', '/api/secrets/aws', keys());
    await send('PUT', '/api/secrets/aws', { ...keys(), api_key: 'AKIAWRONGKEYID000000' });
    await send('PUT', '/api/secrets/huggingface', { api_key: 'hf_thisShallNotBeSeenAnywhere' });
    const needles = [
      sandbox.secretAccessKey,
      'AKIAWRONGKEYID000000',
      'hf_thisShallNotBeSeenAnywhere',
      'X-Amz-Signature',
    ];
    // A log line may come after the answer that it is about.
    await server.logged('request refused: Credentials');
    const logs = server.logs();
    expect(needles.filter((needle) => logs.includes(needle))).toEqual([]);
    await server.kill9();
    const files = await readdir(server.dataDir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      const bytes = await readUnlessGone(join(file.parentPath, file.name));
      for (const needle of needles)
        expect([file.name, needle, bytes.includes(needle)]).toEqual([file.name, needle, false]);
    }
  });
});

/** The database's process ends by itself after the kill, and takes its socket and temporary files along. */
async function readUnlessGone(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
}
