import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SupabaseJwtVerifier } from './supabase-jwt.ts';

const SUB = '7B1F2C9E-0d63-4a53-9a9f-3a2b8f1c0d11';
const SECRET = 'a shared secret of at least 32 characters';
const PERSON = { role: 'authenticated', aud: 'authenticated', sub: SUB, email: 'ada@example.org' };

describe('a Supabase access token', () => {
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let jwks: Server;
  let url: URL;
  let down = false;
  beforeAll(async () => {
    keys = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
    jwks = createServer((request, response) => {
      if (down || request.url !== '/auth/v1/.well-known/jwks.json') response.writeHead(503).end();
      else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
    url = new URL(`http://127.0.0.1:${(jwks.address() as AddressInfo).port}`);
  });
  afterAll(() => jwks.close());

  const shared = () => new SupabaseJwtVerifier({ url, jwtSecret: SECRET });
  const remote = () => new SupabaseJwtVerifier({ url, jwtSecret: undefined });
  const hs256 = (claims: JWTPayload, secret = SECRET, expires: string | null = '1h') => {
    const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' });
    if (expires !== null) token.setExpirationTime(expires);
    return token.sign(new TextEncoder().encode(secret));
  };
  const es256 = (claims: JWTPayload) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setExpirationTime('1h').sign(keys.privateKey);
  const refusal = async (token: string | Promise<string>, verifier = shared()) =>
    verifier.verify(await token).then(
      () => 'accepted',
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    );

  test('of a person counts, by shared secret or by published key', async () => {
    const user = { id: SUB.toLowerCase(), name: 'ada@example.org', role: 'member' };
    expect(await shared().verify(await hs256(PERSON))).toMatchObject(user);
    expect(await remote().verify(await es256(PERSON))).toMatchObject(user);
    // A project that moves to published keys has both for a while.
    expect(await shared().verify(await es256(PERSON))).toMatchObject(user);
  });

  test("of a person makes an admin only by what the project's server wrote", async () => {
    const admin = await hs256({ ...PERSON, app_metadata: { longshore_role: 'admin' } });
    const wish = await hs256({ ...PERSON, user_metadata: { longshore_role: 'admin' }, longshore_role: 'admin' });
    expect((await shared().verify(admin)).role).toBe('admin');
    expect((await shared().verify(wish)).role).toBe('member');
  });

  test.each([
    ['the anon key', { role: 'anon', iss: 'supabase' }, /anon key .* not a login/],
    ['the service_role key', { role: 'service_role', iss: 'supabase' }, /service_role key .* not a login/],
    ['another role', { ...PERSON, role: 'editor' }, /signed-in users/],
    ['another audience', { ...PERSON, aud: 'other' }, /signed-in users/],
    ['no audience', { ...PERSON, aud: undefined }, /signed-in users/],
    ['no subject', { ...PERSON, sub: undefined }, /names no user/],
    ['a subject that is no UUID', { ...PERSON, sub: 'local' }, /names no user/],
    ['an anonymous sign-in', { ...PERSON, is_anonymous: true }, /anonymous user/],
  ])('is refused with %s', async (_, claims, why) => {
    expect(await refusal(hs256(claims as JWTPayload))).toMatch(why);
  });

  test.each(['sb_publishable_abcdefghijkl', 'sb_secret_abcdefghijkl'])('%s is not a login', async (key) => {
    expect(await refusal(key)).toMatch(/API key of the Supabase project, which is not a login/);
  });

  test('is refused when forged, unsigned, changed or without an end', async () => {
    const good = await hs256(PERSON);
    const [header, , signature] = good.split('.');
    const other = Buffer.from(JSON.stringify({ ...PERSON, sub: crypto.randomUUID(), exp: 9_999_999_999 })).toString(
      'base64url',
    );
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const forged = [
      hs256(PERSON, 'another secret of at least 32 characters'),
      `${header}.${other}.${signature}`,
      `${none}.${other}.`,
      'not.a.token',
      'garbage',
    ];
    for (const token of forged) expect(await refusal(token)).toMatch(/^invalid_credentials: .*signature or its form/);
    expect(await refusal(hs256(PERSON, SECRET, null))).toMatch(/^invalid_credentials/);
  });

  test('is refused as expired, and says so', async () => {
    const expired = await hs256({ ...PERSON, exp: Math.floor(Date.now() / 1000) - 60 }, SECRET, null);
    expect(await refusal(expired)).toMatch(/^token_expired/);
  });

  test('signed with the published key taken for a shared secret is refused', async () => {
    const published = JSON.stringify(await exportJWK(keys.publicKey));
    expect(await refusal(hs256(PERSON, published), remote())).toMatch(/^invalid_credentials/);
    expect(await refusal(hs256(PERSON, published), shared())).toMatch(/^invalid_credentials/);
  });

  test('cannot be judged while the keys cannot be fetched: not a refusal, and tried again', async () => {
    const verifier = remote();
    down = true;
    expect(await refusal(es256(PERSON), verifier)).toMatch(/^sign_in_unavailable/);
    down = false;
    expect(await refusal(es256(PERSON), verifier)).toBe('accepted');
  });
});
