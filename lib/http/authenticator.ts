import type { ApiKeys, KeyHolder } from '@/lib/accounts/api-keys.ts';
import type { JobTokens } from '@/lib/accounts/job-tokens.ts';
import type { Sessions } from '@/lib/accounts/sessions.ts';
import type { Users } from '@/lib/accounts/users.ts';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import type { Authenticator, JobClaim, Principal } from '@/lib/http/principal.ts';
import { peerAddress } from '@/lib/http/request-scope.ts';
import type { SessionCookie } from '@/lib/http/session-cookie.ts';
import type { SignInLimit } from '@/lib/http/sign-in-limit.ts';
import type { SupabaseJwtVerifier } from '@/lib/http/supabase-jwt.ts';
import type { Logger } from '@/lib/observability/logger.ts';

export interface AuthenticatorParts {
  users: Users;
  apiKeys: ApiKeys;
  sessions: Sessions;
  jobTokens: JobTokens;
  cookie: SessionCookie;
  limit: SignInLimit;
  /** AUTH_MODE=supabase only. */
  supabase: SupabaseJwtVerifier | undefined;
  log: Logger;
  now?: () => number;
}

/** How long a key or session that was found good is believed without asking again; also how late a revocation works. */
const BELIEF_MS = 2_000;
const MAX_BELIEFS = 5_000;

/** Refusals that may be somebody trying keys. */
const GUESSES = new Set(['invalid_credentials', 'link_spent']);

interface Belief {
  principal: Principal;
  until: number;
}

/** Finds out who sends a request: `Authorization: Bearer` first, else the session cookie. Never a query parameter. */
export class RequestAuthenticator implements Authenticator {
  readonly #parts: AuthenticatorParts;
  readonly #now: () => number;
  readonly #beliefs = new Map<string, Belief>();

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  async user(request: Request): Promise<Principal> {
    const token = bearer(request);
    if (token !== undefined) return this.userOf(token);
    const session = this.#parts.cookie.read(request);
    if (session === undefined) throw signInFirst();
    return this.#believe(session, () => this.#fromSession(session));
  }

  /** Whom an API key or, with Supabase, an access token speaks for. */
  async userOf(token: string): Promise<Principal> {
    return this.#believe(token, () => (token.startsWith('ls') ? this.#fromKey(token) : this.#fromJwt(token)));
  }

  /** Spends the token of a sign-in link. */
  async userOfLink(token: string): Promise<Principal> {
    return this.#limited(async () => {
      const link = await this.#parts.sessions.redeemLink(token);
      const user = link === undefined ? undefined : await this.#parts.users.find(link.userId);
      if (user === undefined || user.disabledAt !== null) throw linkSpent();
      return { userId: user.id, name: user.name, role: user.role, via: 'session' };
    });
  }

  async job(request: Request): Promise<JobClaim> {
    const token = bearer(request);
    if (token === undefined) throw new LongshoreError('unauthenticated', 'This address needs the token of the job.');
    return this.#limited(async () => {
      const claim = this.#parts.jobTokens.verify(token);
      if (claim === 'expired') throw new LongshoreError('token_expired', 'The token of this job has expired.');
      if (claim === 'invalid') throw new LongshoreError('invalid_credentials', 'This is not the token of a job.');
      return claim;
    });
  }

  /** Forgets what was believed, after something was revoked in this process. */
  forget(): void {
    for (const belief of this.#beliefs.values()) belief.until = 0;
  }

  /**
   * A credential that was good before is looked up again whatever the limit says: somebody else's guesses from the same
   * address (a proxy, an office) do not lock out those who are signed in.
   */
  async #believe(token: string, find: () => Promise<Principal>): Promise<Principal> {
    const known = this.#beliefs.get(token);
    if (known !== undefined && known.until > this.#now()) return known.principal;
    this.#beliefs.delete(token);
    const principal = await this.#limited(find, { known: known !== undefined });
    const end = principal.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    this.#beliefs.set(token, { principal, until: Math.min(this.#now() + BELIEF_MS, end) });
    const oldest = this.#beliefs.keys().next().value;
    if (this.#beliefs.size > MAX_BELIEFS && oldest !== undefined) this.#beliefs.delete(oldest);
    return principal;
  }

  async #limited<T>(find: () => Promise<T>, credential = { known: false }): Promise<T> {
    const address = peerAddress();
    if (!credential.known) this.#parts.limit.check(address);
    try {
      return await find();
    } catch (error) {
      if (error instanceof LongshoreError && GUESSES.has(error.code)) this.#parts.limit.failed(address);
      throw error;
    }
  }

  async #fromKey(key: string): Promise<Principal> {
    const holder = await this.#parts.apiKeys.verify(key);
    if (holder === undefined) {
      throw new LongshoreError('invalid_credentials', 'This API key is not known, or it was revoked or has expired.', {
        hint: 'Use the key in DATA_DIR/admin-key, or ask an admin for one.',
      });
    }
    this.#parts.apiKeys.recordUse(holder.apiKeyId).catch((error: unknown) => {
      this.#parts.log.warn({ err: error }, `the use of a key was not recorded: ${messageOf(error)}`);
    });
    return keyPrincipal(holder);
  }

  async #fromJwt(token: string): Promise<Principal> {
    if (this.#parts.supabase === undefined) {
      throw new LongshoreError('invalid_credentials', 'This is not an API key of Longshore.', {
        hint: 'Keys start with ls_. Access tokens of Supabase Auth need AUTH_MODE=supabase.',
      });
    }
    const claimed = await this.#parts.supabase.verify(token);
    const user = await this.#parts.users.ensure({ id: claimed.id, name: claimed.name });
    if (user.disabledAt !== null) throw disabled();
    const role = claimed.role === 'admin' ? 'admin' : user.role;
    return { userId: user.id, name: user.name, role, via: 'jwt', expiresAt: claimed.expiresAt };
  }

  async #fromSession(token: string): Promise<Principal> {
    const holder = await this.#parts.sessions.verify(token);
    if (holder === undefined) throw signInFirst();
    const { userId, name, role, expiresAt } = holder;
    return { userId, name, role, via: 'session', apiKeyId: holder.apiKeyId ?? undefined, expiresAt };
  }
}

function keyPrincipal(holder: KeyHolder): Principal {
  const { userId, name, role, apiKeyId } = holder;
  return { userId, name, role, via: 'api_key', apiKeyId, expiresAt: holder.expiresAt ?? undefined };
}

function bearer(request: Request): string | undefined {
  const header = request.headers.get('authorization');
  if (header === null || header.trim() === '') return undefined;
  const token = /^Bearer +([^\s]+)$/i.exec(header.trim())?.[1];
  if (token !== undefined && token.length <= 8192) return token;
  throw new LongshoreError('invalid_credentials', 'The Authorization header is not understood.', {
    hint: 'Send: Authorization: Bearer <key>',
  });
}

function disabled(): LongshoreError {
  return new LongshoreError('forbidden', 'This account was disabled.', { hint: 'Ask an admin of Longshore.' });
}

function linkSpent(): LongshoreError {
  return new LongshoreError('link_spent', 'This sign-in link was used already, or is older than an hour.', {
    hint: 'Restart the server for a new link, or sign in with the key in DATA_DIR/admin-key.',
  });
}

function signInFirst(): LongshoreError {
  return new LongshoreError('unauthenticated', 'Nobody is signed in.', {
    hint: 'Send an API key as "Authorization: Bearer ls_...", or open the sign-in link that the server prints.',
  });
}
