import { and, eq, gt, isNull, lte, or, sql } from 'drizzle-orm';
import { credentialSha256, isCredential, newCredential } from '@/lib/accounts/credential.ts';
import type { Role } from '@/lib/accounts/users.ts';
import type { Database } from '@/lib/db/database.ts';
import { apiKeys, sessions, users } from '@/lib/db/schema.ts';

export interface SessionHolder {
  userId: string;
  name: string;
  role: Role;
  apiKeyId: string | null;
  expiresAt: Date;
}

export interface NewSession {
  userId: string;
  /** The key it was made from: revoking the key ends the session. */
  apiKeyId?: string;
  /** Not after this, where what it was made from ends earlier than a session does. */
  notAfter?: Date;
}

export const SESSION_SECONDS = 14 * 24 * 3600;
const LINK_SECONDS = 3600;

/** Browser sessions and one-time sign-in links, both kept as SHA-256 in the same table. */
export class Sessions {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The cookie's value, seen only here. */
  async create(options: NewSession): Promise<{ token: string; expiresAt: Date }> {
    const ends = Date.now() + SESSION_SECONDS * 1000;
    const expiresAt = new Date(Math.min(ends, options.notAfter?.getTime() ?? ends));
    const token = await this.#insert('lss', { ...options, expiresAt });
    return { token, expiresAt };
  }

  async verify(token: string): Promise<SessionHolder | undefined> {
    if (!isCredential('lss', token)) return undefined;
    const keyCounts = or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, sql`now()`));
    const [holder] = await this.#db
      .select({
        userId: users.id,
        name: users.name,
        role: users.role,
        apiKeyId: sessions.apiKeyId,
        expiresAt: sessions.expiresAt,
      })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .leftJoin(apiKeys, eq(apiKeys.id, sessions.apiKeyId))
      .where(
        and(
          eq(sessions.tokenSha256, credentialSha256(token)),
          gt(sessions.expiresAt, sql`now()`),
          isNull(users.disabledAt),
          isNull(apiKeys.revokedAt),
          keyCounts,
        ),
      );
    return holder;
  }

  /** Signs out. Unknown is fine. */
  async end(token: string): Promise<void> {
    await this.#db.delete(sessions).where(eq(sessions.tokenSha256, credentialSha256(token)));
  }

  /** A token for a sign-in link: works once, for an hour, on any process of this installation. */
  async createLink(userId: string): Promise<string> {
    return this.#insert('lsl', { userId, expiresAt: new Date(Date.now() + LINK_SECONDS * 1000) });
  }

  /** Spends a link: of two that use it at once, one gets the user. */
  async redeemLink(token: string): Promise<{ userId: string } | undefined> {
    if (!isCredential('lsl', token)) return undefined;
    const [row] = await this.#db
      .delete(sessions)
      .where(and(eq(sessions.tokenSha256, credentialSha256(token)), gt(sessions.expiresAt, sql`now()`)))
      .returning({ userId: sessions.userId });
    return row;
  }

  async #insert(kind: 'lss' | 'lsl', row: { userId: string; apiKeyId?: string; expiresAt: Date }): Promise<string> {
    const token = newCredential(kind);
    const { userId, apiKeyId, expiresAt } = row;
    // Nobody else looks after them, and there are few.
    await this.#db.delete(sessions).where(lte(sessions.expiresAt, sql`now()`));
    await this.#db.insert(sessions).values({ tokenSha256: credentialSha256(token), userId, apiKeyId, expiresAt });
    return token;
  }
}
