import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '@/tests/support/server.ts';

interface Operation {
  method: string;
  path: string;
  security: Record<string, unknown>[];
  admin: boolean;
}

/** What anybody may ask: health, signing in and out, what a signature opens, the worker's program. Nothing else, whatever is added. */
const OPEN_TO_ALL = [
  'delete /signin',
  'get /files/{path}',
  'get /healthz',
  'get /readyz',
  'get /signin',
  'get /training_server.py',
  'head /files/{path}',
  'post /signin',
];

describe('who may do what, over HTTP', { timeout: 90_000 }, () => {
  let server: TestServer;
  let operations: Operation[] = [];
  let memberKey = '';
  let memberId = '';
  /** Everything that was secret during these tests. */
  const secrets: string[] = [];

  beforeAll(async () => {
    server = await startServer({ LOG_LEVEL: 'trace' });
    operations = operationsOf(await (await server.fetch('/openapi.json')).json());
    const added = await server.fetch('/api/users', jsonPost({ name: 'member' }));
    const { user, key } = (await added.json()) as { user: { id: string }; key: string };
    memberKey = key;
    memberId = user.id;
    secrets.push(server.adminKey, memberKey);
  }, 90_000);
  afterAll(() => server?.stop());

  const jsonPost = (body: unknown): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const send = (operation: Operation, headers: Record<string, string>) =>
    server.fetch(operation.path.replace(/\{\w+\}/g, 'x'), {
      method: operation.method.toUpperCase(),
      headers: { authorization: '', ...headers },
    });
  const closed = () => operations.filter((operation) => operation.security.length > 0);
  const codeOf = async (response: Response) => ((await response.json().catch(() => ({}))) as { code?: string }).code;
  const cookieOf = (response: Response) => response.headers.get('set-cookie')?.split(';')[0] ?? '';

  async function session(): Promise<string> {
    const path = new URL(await signInLink());
    const cookie = cookieOf(await server.fetch(path.pathname + path.search, { headers: { authorization: '' } }));
    secrets.push(cookie.split('=')[1] ?? '');
    return cookie;
  }

  async function signInLink(): Promise<string> {
    const response = await server.fetch('/api/users/me/sign-in-link', { method: 'POST' });
    const { url } = (await response.json()) as { url: string };
    secrets.push(new URL(url).searchParams.get('key') ?? '');
    return url;
  }

  test('nothing but health, signing in and signed files is open', () => {
    const open = operations.filter((operation) => operation.security.length === 0);
    expect(open.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(OPEN_TO_ALL);
    expect(closed().length).toBeGreaterThan(25);
  });

  test('nobody gets in without credentials, or with wrong ones', async () => {
    const session = `longshore_00000000=lss_${'A'.repeat(43)}`;
    for (const operation of closed()) {
      const name = `${operation.method} ${operation.path}`;
      expect([name, (await send(operation, {})).status]).toEqual([name, 401]);
      expect([name, (await send(operation, { cookie: session })).status]).toEqual([name, 401]);
    }
    const wrong = [`Bearer ls_${'A'.repeat(43)}`, 'Bearer nonsense', 'Basic bG9jYWw6', `Bearer lss_${'A'.repeat(43)}`];
    for (const authorization of wrong) {
      const response = await server.fetch('/api/keys', { headers: { authorization } });
      expect([response.status, await codeOf(response)]).toEqual([401, 'invalid_credentials']);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
    }
    const inAddress = await server.fetch(`/api/keys?key=${server.adminKey}`, { headers: { authorization: '' } });
    expect(inAddress.status).toBe(401);
  });

  test('a member is no admin', async () => {
    const admin = closed().filter((operation) => operation.admin);
    expect(admin.map((operation) => operation.path)).toContain('/metrics');
    for (const operation of admin) {
      const response = await send(operation, { authorization: `Bearer ${memberKey}` });
      expect([operation.path, response.status, await codeOf(response)]).toEqual([
        operation.path,
        403,
        'admin_required',
      ]);
    }
  });

  test('a change signed in by cookie must come from our own page', async () => {
    const cookie = await session();
    const changes = closed().filter(
      ({ method, security }) => !/^(get|head|options)$/.test(method) && 'session' in (security[1] ?? {}),
    );
    expect(changes.length).toBeGreaterThan(10);
    for (const operation of changes) {
      for (const origin of [undefined, 'https://evil.example', 'http://127.0.0.1:9']) {
        const response = await send(operation, origin === undefined ? { cookie } : { cookie, origin });
        const name = `${operation.method} ${operation.path}`;
        expect([name, response.status, await codeOf(response)]).toEqual([name, 403, 'foreign_origin']);
      }
    }
    const own = await server.fetch('/api/keys', {
      ...jsonPost({ name: 'from the page' }),
      headers: { cookie, origin: server.url, 'content-type': 'application/json' },
    });
    expect(own.status).toBe(201);
    secrets.push(((await own.json()) as { key: string }).key);
    expect((await server.fetch('/api/keys', { headers: { cookie } })).status).toBe(200);
  });

  test('a sign-in link works once, leaves no key in the address, and the cookie is well kept', async () => {
    const url = new URL(await signInLink());
    const path = url.pathname + url.search;
    const ahead = await server.fetch(path, { method: 'HEAD', headers: { authorization: '' } });
    const guess = await server.fetch(path, { headers: { authorization: '', 'sec-purpose': 'prefetch' } });
    expect([ahead.headers.get('set-cookie'), guess.headers.get('set-cookie')]).toEqual([null, null]);
    const first = await server.fetch(path, { headers: { authorization: '' } });
    expect([first.status, first.headers.get('location')]).toEqual([303, '/']);
    expect(first.headers.get('referrer-policy')).toBe('no-referrer');
    expect(first.headers.get('set-cookie')).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    secrets.push(cookieOf(first).split('=')[1] ?? '');
    const again = await server.fetch(path, { headers: { authorization: '' } });
    expect([again.status, await codeOf(again)]).toEqual([403, 'link_spent']);
    const page = await server.fetch(path, { headers: { authorization: '', accept: 'text/html' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8']);
    const signedIn = await server.fetch(path, { headers: { cookie: cookieOf(first), accept: 'text/html' } });
    expect(signedIn.status).toBe(303);
  });

  test('signing out ends the session for whoever kept the cookie', async () => {
    const cookie = await session();
    expect((await server.fetch('/api/users/me', { headers: { cookie } })).status).toBe(200);
    const out = await server.fetch('/signin', { method: 'DELETE', headers: { cookie, origin: server.url } });
    expect([out.status, out.headers.get('set-cookie')]).toEqual([204, expect.stringContaining('Max-Age=0')]);
    expect((await server.fetch('/api/users/me', { headers: { cookie } })).status).toBe(401);
  });

  test('the form signs in with a key, for our own page only', async () => {
    const body = new URLSearchParams({ key: memberKey });
    const post = (headers: Record<string, string>) => rawPost(`${server.url}/signin`, headers, String(body));
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await post({ ...form, origin: 'https://evil.example' })).status).toBe(403);
    const answer = await post({ ...form, origin: server.url });
    expect([answer.status, answer.cookie]).toEqual([303, expect.stringContaining('lss_')]);
    secrets.push(/=([^;]+)/.exec(answer.cookie)?.[1] ?? '');
  });

  test('revoking a key and disabling a user work at once', async () => {
    const made = await server.fetch('/api/keys', jsonPost({ name: 'short' }));
    const { key, api_key } = (await made.json()) as { key: string; api_key: { id: string } };
    secrets.push(key);
    const withKey = () => server.fetch('/api/users/me', { headers: { authorization: `Bearer ${key}` } });
    expect((await withKey()).status).toBe(200);
    expect((await server.fetch(`/api/keys/${api_key.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await withKey()).status).toBe(401);

    const member = () => server.fetch('/api/users/me', { headers: { authorization: `Bearer ${memberKey}` } });
    const disable = (disabled: boolean) =>
      server.fetch(`/api/users/${memberId}`, { ...jsonPost({ disabled }), method: 'PATCH' });
    expect((await member()).status).toBe(200);
    await disable(true);
    expect((await member()).status).toBe(401);
    await disable(false);
    expect((await member()).status).toBe(200);
  });

  test('a member sees the own part of the audit log, an admin all of it', async () => {
    const entries = async (key: string) => {
      const response = await server.fetch('/api/audit?limit=200', { headers: { authorization: `Bearer ${key}` } });
      return ((await response.json()) as { entries: { user_id: string; action: string }[] }).entries;
    };
    const own = await entries(memberKey);
    expect(new Set(own.map((entry) => entry.user_id))).toEqual(new Set([memberId]));
    expect((await entries(server.adminKey)).map((entry) => entry.action)).toContain('session.started');
  });

  test('none of the secrets of these tests is in the log', async () => {
    await server.logged('"path":"/api/audit"');
    expect(secrets.length).toBeGreaterThan(8);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(20);
      expect(server.logs()).not.toContain(secret);
    }
  });

  // Last: it locks this address out.
  test('guessing is slowed down, and those who are signed in go on', async () => {
    expect((await server.fetch('/api/users/me')).status).toBe(200);
    const guess = () => server.fetch('/api/keys', { headers: { authorization: `Bearer ls_${'B'.repeat(43)}` } });
    let answer = await guess();
    for (let tries = 0; tries < 20 && answer.status === 401; tries++) answer = await guess();
    expect([answer.status, await codeOf(answer)]).toEqual([429, 'too_many_sign_ins']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    // Changing a user makes the server look every credential up again.
    const change = { ...jsonPost({ disabled: false }), method: 'PATCH' };
    expect((await server.fetch(`/api/users/${memberId}`, change)).status).toBe(200);
    expect((await server.fetch('/api/users/me')).status).toBe(200);
  });
});

function operationsOf(description: unknown): Operation[] {
  const { paths } = description as { paths: Record<string, Record<string, { security: []; summary: string }>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security, summary }]) => ({
      method,
      path,
      security,
      admin: summary.endsWith('(admins)'),
    })),
  );
}

/** fetch does not let a caller set Origin freely on every runtime. */
function rawPost(
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number; cookie: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, cookie: String(response.headers['set-cookie'] ?? '') });
    });
    request.on('error', reject).end(body);
  });
}
