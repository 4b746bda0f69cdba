import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import type { ApiKeys } from '@/lib/accounts/api-keys.ts';
import { isCredential, newCredential } from '@/lib/accounts/credential.ts';
import type { Users } from '@/lib/accounts/users.ts';
import { createDurably } from '@/lib/config/durable-file.ts';
import type { Database, Executor } from '@/lib/db/database.ts';

export const ADMIN_KEY_FILE = 'admin-key';
/** Fixed, so that the first user of a catalogue that is rebuilt from the stores is the one whose objects lie there. */
export const LOCAL_USER = 'local';

/**
 * AUTH_MODE=local: the first start makes the admin `local` and writes an API key to DATA_DIR/admin-key (mode 0600).
 *
 * Later starts leave both alone, so a key file that was removed on purpose stays removed. Only where no admin holds a
 * working key any more is a new one made: whoever may write to DATA_DIR owns the installation anyway.
 */
export class AdminKeyFile {
  readonly #path: string;
  readonly #db: Database;
  readonly #users: Users;
  readonly #apiKeys: ApiKeys;

  constructor(dataDir: string, accounts: { db: Database; users: Users; apiKeys: ApiKeys }) {
    this.#path = join(dataDir, ADMIN_KEY_FILE);
    this.#db = accounts.db;
    this.#users = accounts.users;
    this.#apiKeys = accounts.apiKeys;
  }

  /**
   * The file is written before the rows are committed: a crash in between leaves a key that the next start takes over, never an admin
   * whom nobody can be.
   */
  async ensure(): Promise<void> {
    await this.#db.transaction(async (tx) => {
      // Several processes may start for the first time at once.
      await tx.execute(sql`select pg_advisory_xact_lock(hashtext('longshore first admin'))`);
      if (await this.#apiKeys.anyAdminKey(tx)) return;
      await this.#users.ensureAdmin({ id: LOCAL_USER, name: LOCAL_USER }, tx);
      const key = await this.#usableKey(tx);
      await this.#apiKeys.create({ userId: LOCAL_USER, name: ADMIN_KEY_FILE, key }, 'system', tx);
    });
  }

  /** The key in the file, for the command line on this machine; undefined where there is none. A file that cannot be read is no absent one: throws. */
  async read(): Promise<string | undefined> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    const key = text?.trim();
    return key !== undefined && isCredential('ls', key) ? key : undefined;
  }

  async #usableKey(tx: Executor): Promise<string> {
    const kept = await this.read();
    if (kept !== undefined && !(await this.#apiKeys.isKnown(kept, tx))) return kept;
    const key = newCredential('ls');
    await rm(this.#path, { force: true });
    await createDurably(this.#path, `${key}\n`);
    return key;
  }
}
