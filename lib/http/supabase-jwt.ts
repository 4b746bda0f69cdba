import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LongshoreError } from '@/lib/errors.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Symmetric and asymmetric keys are never tried for each other's algorithms. */
const SHARED_SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'];
const PUBLIC_KEY_ALGORITHMS = ['ES256', 'RS256', 'EdDSA', 'Ed25519'];
/** Clocks of two machines differ by seconds. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** A person that Supabase Auth signed in. */
export interface SupabaseUser {
  id: string;
  name: string;
  /** Set by the project's server side alone: `app_metadata.longshore_role`. */
  role: 'admin' | 'member';
  expiresAt: Date;
}

export interface SupabaseJwtOptions {
  /** The project's address, `https://<ref>.supabase.co`. */
  url: URL;
  /** The project's shared JWT secret, where it still signs with one. */
  jwtSecret: string | undefined;
}

/**
 * Tells whom a Supabase access token speaks for. Only people count: role and audience `authenticated`, a UUID subject,
 * an expiry, and a sign-in that was not anonymous. The project's own keys (anon, service_role, publishable, secret) are
 * not a login, and the refusal says so.
 */
export class SupabaseJwtVerifier {
  readonly #secret: Uint8Array | undefined;
  readonly #publicKeys: JWTVerifyGetKey;

  constructor(options: SupabaseJwtOptions) {
    this.#secret = options.jwtSecret === undefined ? undefined : new TextEncoder().encode(options.jwtSecret);
    this.#publicKeys = createRemoteJWKSet(new URL('/auth/v1/.well-known/jwks.json', options.url));
  }

  /** @throws invalid_credentials, token_expired, sign_in_unavailable */
  async verify(token: string): Promise<SupabaseUser> {
    if (/^sb_(publishable|secret)_/.test(token)) throw projectKey('an API key of the Supabase project');
    return userOf(await this.#payload(token));
  }

  async #payload(token: string): Promise<JWTPayload> {
    try {
      return await this.#verifySignature(token);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verifySignature(token: string): Promise<JWTPayload> {
    const rules = { clockTolerance: CLOCK_TOLERANCE_SECONDS };
    if (this.#secret !== undefined && algorithmOf(token)?.startsWith('HS')) {
      const algorithms = SHARED_SECRET_ALGORITHMS;
      return (await jwtVerify(token, this.#secret, { ...rules, algorithms })).payload;
    }
    return (await jwtVerify(token, this.#publicKeys, { ...rules, algorithms: PUBLIC_KEY_ALGORITHMS })).payload;
  }
}

/** What the unverified header claims; it only chooses which key is tried. */
function algorithmOf(token: string): string | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    const algorithm = typeof header === 'object' && header !== null ? Reflect.get(header, 'alg') : undefined;
    return typeof algorithm === 'string' ? algorithm : undefined;
  } catch {
    return undefined;
  }
}

function userOf(payload: JWTPayload): SupabaseUser {
  const { role, sub, aud, exp, email } = payload;
  if (role === 'anon') throw projectKey('the public anon key of the Supabase project');
  if (role === 'service_role') throw projectKey('the service_role key of the Supabase project');
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (role !== 'authenticated' || !audiences.includes('authenticated')) throw invalid('It is not for signed-in users.');
  if (sub === undefined || !UUID.test(sub)) throw invalid('It names no user.');
  if (exp === undefined) throw invalid('It never expires.');
  if (payload.is_anonymous === true) throw invalid('It belongs to an anonymous user.');
  return {
    id: sub.toLowerCase(),
    name: typeof email === 'string' && email !== '' ? email : sub.toLowerCase(),
    role: isAdmin(payload.app_metadata) ? 'admin' : 'member',
    expiresAt: new Date(exp * 1000),
  };
}

function isAdmin(appMetadata: unknown): boolean {
  return (
    typeof appMetadata === 'object' && appMetadata !== null && Reflect.get(appMetadata, 'longshore_role') === 'admin'
  );
}

function projectKey(what: string): LongshoreError {
  return new LongshoreError('invalid_credentials', `This is ${what}, which is not a login.`, {
    hint: "Sign in with Supabase Auth and send the session's access_token.",
  });
}

function invalid(why: string): LongshoreError {
  return new LongshoreError('invalid_credentials', `This access token does not count. ${why}`, {
    hint: "Sign in with Supabase Auth and send the session's access_token.",
  });
}

function refusal(error: unknown): LongshoreError {
  if (error instanceof errors.JWTExpired) {
    return new LongshoreError('token_expired', 'This access token has expired.', {
      hint: 'Refresh the Supabase session and try again.',
      cause: error,
    });
  }
  const fault = error instanceof errors.JOSEError ? error : undefined;
  const keysMissing = fault === undefined || fault.code === 'ERR_JWKS_TIMEOUT' || fault.code === 'ERR_JOSE_GENERIC';
  if (!keysMissing) return invalid('Its signature or its form is wrong.');
  return new LongshoreError('sign_in_unavailable', "The signing keys of Supabase Auth can't be fetched.", {
    hint: 'Check SUPABASE_URL and that the project is up; or set SUPABASE_JWT_SECRET if it signs with a shared secret.',
    details: { retry_after_seconds: 30 },
    cause: error,
  });
}
