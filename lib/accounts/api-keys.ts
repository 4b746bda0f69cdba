import { and, desc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm';
import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import { credentialSha256, isCredential, newCredential } from '@/lib/accounts/credential.ts';
import type { Role } from '@/lib/accounts/users.ts';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { apiKeys, users } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';

/** A key as its owner sees it. The key itself is shown once, when it is made. */
export interface ApiKey {
  id: string;
  userId: string;
  name: string;
  lastFour: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

/** Whom a key opens the door to. */
export interface KeyHolder {
  apiKeyId: string;
  userId: string;
  name: string;
  role: Role;
  expiresAt: Date | null;
}

export interface NewApiKey {
  userId: string;
  name: string;
  expiresAt?: Date;
  /** A key made elsewhere; default: a new one. */
  key?: string;
}

/** `last_used_at` is exact to this, so that a busy key does not write a row for each request. */
const USE_RESOLUTION_SECONDS = 60;

const COLUMNS = {
  id: apiKeys.id,
  userId: apiKeys.userId,
  name: apiKeys.name,
  lastFour: apiKeys.lastFour,
  createdAt: apiKeys.createdAt,
  lastUsedAt: apiKeys.lastUsedAt,
  expiresAt: apiKeys.expiresAt,
  revokedAt: apiKeys.revokedAt,
};

/** Keys of programs and of the command line: 256 random bits, kept as their SHA-256. */
export class ApiKeys {
  readonly #db: Database;
  readonly #audit: AuditLog;

  constructor(db: Database, audit: AuditLog) {
    this.#db = db;
    this.#audit = audit;
  }

  /** The only time the key itself is seen. */
  async create(options: NewApiKey, actor: string, executor?: Executor): Promise<{ key: string; apiKey: ApiKey }> {
    if (executor === undefined) return this.#db.transaction((tx) => this.create(options, actor, tx));
    const key = options.key ?? newCredential('ls');
    const { userId, name, expiresAt } = options;
    const values = { id: newId(), userId, name, expiresAt, keySha256: credentialSha256(key), lastFour: key.slice(-4) };
    const [apiKey] = await executor.insert(apiKeys).values(values).returning(COLUMNS);
    if (apiKey === undefined) throw new LongshoreError('conflict', 'The key was not created.');
    const details = { name, last_four: apiKey.lastFour };
    await this.#audit.write({ userId, actor, action: 'key.created', subject: apiKey.id, details }, executor);
    return { key, apiKey };
  }

  /** Whose key this is, if it is one that counts now. */
  async verify(key: string): Promise<KeyHolder | undefined> {
    if (!isCredential('ls', key)) return undefined;
    const [holder] = await this.#db
      .select({
        apiKeyId: apiKeys.id,
        userId: users.id,
        name: users.name,
        role: users.role,
        expiresAt: apiKeys.expiresAt,
      })
      .from(apiKeys)
      .innerJoin(users, eq(users.id, apiKeys.userId))
      .where(and(eq(apiKeys.keySha256, credentialSha256(key)), counts()));
    return holder;
  }

  async recordUse(apiKeyId: string): Promise<void> {
    const stale = or(
      isNull(apiKeys.lastUsedAt),
      lt(apiKeys.lastUsedAt, sql`now() - make_interval(secs => ${USE_RESOLUTION_SECONDS})`),
    );
    await this.#db
      .update(apiKeys)
      .set({ lastUsedAt: sql`now()` })
      .where(and(eq(apiKeys.id, apiKeyId), stale));
  }

  /** Newest first, revoked and expired ones included. */
  async list(userId: string): Promise<ApiKey[]> {
    return this.#db.select(COLUMNS).from(apiKeys).where(eq(apiKeys.userId, userId)).orderBy(desc(apiKeys.id));
  }

  /**
   * Stops a key and the sessions made from it. Already revoked is fine.
   * @param userId only a key of this user; undefined: anybody's
   * @throws key_not_found
   */
  async revoke(id: string, actor: string, userId?: string): Promise<ApiKey> {
    return this.#db.transaction(async (tx) => {
      const owned = userId === undefined ? undefined : eq(apiKeys.userId, userId);
      const [row] = await tx
        .update(apiKeys)
        .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
        .where(and(eq(apiKeys.id, id), owned))
        .returning(COLUMNS);
      if (row === undefined) throw new LongshoreError('key_not_found', 'There is no such key.');
      await this.#audit.write({ userId: row.userId, actor, action: 'key.revoked', subject: id }, tx);
      return row;
    });
  }

  /** True when some admin can still sign in with a key. */
  async anyAdminKey(executor: Executor = this.#db): Promise<boolean> {
    const rows = await executor
      .select({ id: apiKeys.id })
      .from(apiKeys)
      .innerJoin(users, eq(users.id, apiKeys.userId))
      .where(and(eq(users.role, 'admin'), counts()))
      .limit(1);
    return rows.length > 0;
  }

  /** True when this key was ever made here, revoked or not. */
  async isKnown(key: string, executor: Executor = this.#db): Promise<boolean> {
    const found = await executor
      .select({ id: apiKeys.id })
      .from(apiKeys)
      .where(eq(apiKeys.keySha256, credentialSha256(key)));
    return found.length > 0;
  }
}

/** The condition, on api_keys joined with users, under which a key counts. */
function counts() {
  const alive = or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, sql`now()`));
  return and(isNull(apiKeys.revokedAt), alive, isNull(users.disabledAt));
}
