import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import { isCredential } from '@/lib/accounts/credential.ts';
import type { Sessions } from '@/lib/accounts/sessions.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { RequestAuthenticator } from '@/lib/http/authenticator.ts';
import type { Principal } from '@/lib/http/principal.ts';
import { statusOf } from '@/lib/http/problem.ts';
import type { SessionCookie } from '@/lib/http/session-cookie.ts';

export interface SignInParts {
  sessions: Sessions;
  authenticator: RequestAuthenticator;
  cookie: SessionCookie;
  audit: AuditLog;
}

/** Turns a key, a one-time link or an access token into a browser session, and ends it. */
export class SignIn {
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  /**
   * The Set-Cookie value of a new session.
   * @param credential an API key, the token of a sign-in link or, with Supabase, an access token
   * @throws invalid_credentials, link_spent, too_many_sign_ins
   */
  async start(request: Request, credential: string): Promise<string> {
    const { authenticator, sessions, cookie, audit } = this.#parts;
    const link = isCredential('lsl', credential);
    const user = link ? await authenticator.userOfLink(credential) : await authenticator.userOf(credential);
    const { token, expiresAt } = await sessions.create({
      userId: user.userId,
      apiKeyId: user.apiKeyId,
      notAfter: user.expiresAt,
    });
    const details = { by: link ? 'link' : user.via };
    await audit.write({ userId: user.userId, actor: user.userId, action: 'session.started', details });
    return cookie.set(request, token, expiresAt);
  }

  /** Who is signed in already. */
  async current(request: Request): Promise<Principal | undefined> {
    try {
      return await this.#parts.authenticator.user(request);
    } catch (error) {
      if (error instanceof LongshoreError && statusOf(error) === 401) return undefined;
      throw error;
    }
  }

  /** Ends the browser's session, if there is one. The Set-Cookie value that removes the cookie. */
  async end(request: Request): Promise<string> {
    const { sessions, cookie, authenticator, audit } = this.#parts;
    const token = cookie.read(request);
    const user = token === undefined ? undefined : await this.current(request);
    if (token !== undefined && user !== undefined) {
      await sessions.end(token);
      authenticator.forget();
      await audit.write({ userId: user.userId, actor: user.userId, action: 'session.ended' });
    }
    return cookie.clear(request);
  }

  /** A path that signs this user in, once, within an hour. */
  async linkPath(userId: string): Promise<string> {
    return `/signin?key=${await this.#parts.sessions.createLink(userId)}`;
  }
}
