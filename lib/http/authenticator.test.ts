import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type JWTPayload, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { POST as makeKey } from '@/app/api/keys/route.ts';
import { GET as me } from '@/app/api/users/me/route.ts';
import { testApplication } from '@/tests/support/application.ts';
import type { Problem } from './problem.ts';

const SECRET = 'a shared secret of at least 32 characters';

describe('AUTH_MODE=supabase', () => {
  const application = testApplication({
    AUTH_MODE: 'supabase',
    SUPABASE_URL: 'http://127.0.0.1:1',
    SUPABASE_JWT_SECRET: SECRET,
  });
  const token = (claims: JWTPayload) =>
    new SignJWT({ role: 'authenticated', aud: 'authenticated', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET));
  const whoIs = (key: string | null) => application.call(me, { path: '/api/users/me', key });

  test('makes no local admin and no key file', async () => {
    await expect(stat(join(application.dataDir, 'admin-key'))).rejects.toThrow('ENOENT');
    expect(await application.app.accounts.users.list({ limit: 10 })).toEqual([]);
  });

  test('a signed-in person is known from the first request on, and can make keys', async () => {
    const key = await token({ sub: '7b1f2c9e-0d63-4a53-9a9f-3a2b8f1c0d11', email: 'ada@example.org' });
    expect(await (await whoIs(key)).json()).toMatchObject({
      user: { id: '7b1f2c9e-0d63-4a53-9a9f-3a2b8f1c0d11', name: 'ada@example.org', role: 'member' },
      signed_in_by: 'jwt',
      auth_mode: 'supabase',
    });
    const made = await application.call(makeKey, { method: 'POST', path: '/api/keys', key, json: { name: 'job' } });
    const { key: own } = (await made.json()) as { key: string };
    expect(await (await whoIs(own)).json()).toMatchObject({
      user: { name: 'ada@example.org' },
      signed_in_by: 'api_key',
    });
  });

  test('the public anon key is no login', async () => {
    const response = await whoIs(await token({ role: 'anon' }));
    expect(response.status).toBe(401);
    expect(((await response.json()) as Problem).detail).toContain('anon key');
  });

  test('a person who was disabled here stays out, whatever Supabase says', async () => {
    const sub = crypto.randomUUID();
    expect((await whoIs(await token({ sub }))).status).toBe(200);
    await application.app.accounts.users.update(sub, { disabled: true }, 'tester');
    application.app.authenticator.forget();
    expect((await whoIs(await token({ sub }))).status).toBe(403);
  });

  test('a role that was given here counts, and nothing without a token does', async () => {
    const sub = crypto.randomUUID();
    await whoIs(await token({ sub }));
    await application.app.accounts.users.update(sub, { role: 'admin' }, 'tester');
    application.app.authenticator.forget();
    expect(await (await whoIs(await token({ sub }))).json()).toMatchObject({ user: { role: 'admin' } });
    expect((await whoIs(null)).status).toBe(401);
  });
});
