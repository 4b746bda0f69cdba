import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm';
import type { AuditLog } from '@/lib/accounts/audit-log.ts';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { isUniqueViolation } from '@/lib/db/query-error.ts';
import { users } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';

export type Role = 'admin' | 'member';

export interface User {
  id: string;
  name: string;
  role: Role;
  createdAt: Date;
  disabledAt: Date | null;
}

/** Changes to a user; what is undefined stays. */
export interface UserChange {
  name?: string;
  role?: Role;
  disabled?: boolean;
}

/** The people (and services) of this installation. They are disabled, never removed: their datasets name them. */
export class Users {
  readonly #db: Database;
  readonly #audit: AuditLog;

  constructor(db: Database, audit: AuditLog) {
    this.#db = db;
    this.#audit = audit;
  }

  /** @throws name_taken */
  async create(user: { id?: string; name: string; role?: Role }, actor: string, executor?: Executor): Promise<User> {
    return this.#in(executor, async (tx) => {
      const values = { id: user.id ?? newId(), name: user.name, role: user.role ?? 'member' };
      const [row] = await named(user.name, tx.insert(users).values(values).returning());
      if (row === undefined) throw new LongshoreError('conflict', 'The user was not created.');
      await this.#audit.write({ userId: row.id, actor, action: 'user.created', subject: row.id, details: values }, tx);
      return row;
    });
  }

  /** The row of somebody whom another system signs in; made on first sight, since keys and sessions refer to it. */
  async ensure(user: { id: string; name: string }): Promise<User> {
    const known = await this.find(user.id);
    if (known !== undefined) return known;
    const insert = (name: string) => this.#db.insert(users).values({ id: user.id, name }).onConflictDoNothing();
    await insert(user.name);
    // Somebody else may hold the name: the id is always free.
    if ((await this.find(user.id)) === undefined) await insert(user.id);
    return this.get(user.id);
  }

  /** Makes somebody an enabled admin, new or not: the way back where no admin can sign in any more. */
  async ensureAdmin(user: { id: string; name: string }, executor: Executor): Promise<void> {
    const again = { role: 'admin', disabledAt: null } as const;
    const values = { ...user, role: 'admin' } as const;
    await executor.insert(users).values(values).onConflictDoUpdate({ target: users.id, set: again });
    await this.#audit.write(
      { userId: user.id, actor: 'system', action: 'user.made_admin', subject: user.id },
      executor,
    );
  }

  async find(id: string, executor: Executor = this.#db): Promise<User | undefined> {
    const [row] = await executor.select().from(users).where(eq(users.id, id));
    return row;
  }

  /** @throws user_not_found */
  async get(id: string): Promise<User> {
    return (await this.find(id)) ?? notFound();
  }

  async findByName(name: string): Promise<User | undefined> {
    const [row] = await this.#db
      .select()
      .from(users)
      .where(eq(sql`lower(${users.name})`, name.toLowerCase()));
    return row;
  }

  /** By id, `limit` of them after `after`. */
  async list(options: { after?: string; limit: number }): Promise<User[]> {
    const after = options.after === undefined ? undefined : gt(users.id, options.after);
    return this.#db.select().from(users).where(after).orderBy(asc(users.id)).limit(options.limit);
  }

  /**
   * Renames, promotes, disables. A disabled user's keys and sessions stop working at once.
   * @throws user_not_found, name_taken, last_admin
   */
  async update(id: string, change: UserChange, actor: string): Promise<User> {
    return this.#db.transaction(async (tx) => {
      if (change.disabled === true || change.role === 'member') await requireOtherAdmin(tx, id);
      const disabledAt = change.disabled === undefined ? {} : { disabledAt: change.disabled ? new Date() : null };
      const values = { name: change.name, role: change.role, ...disabledAt };
      const updated = tx.update(users).set(values).where(eq(users.id, id)).returning();
      const [row] = await named(change.name ?? '', updated);
      if (row === undefined) return notFound();
      await this.#audit.write({ userId: id, actor, action: 'user.updated', subject: id, details: { ...change } }, tx);
      return row;
    });
  }

  #in<T>(executor: Executor | undefined, work: (tx: Executor) => Promise<T>): Promise<T> {
    return executor === undefined ? this.#db.transaction(work) : work(executor);
  }
}

/** Locks every admin row, so that two admins cannot take each other's role away at once. */
async function requireOtherAdmin(tx: Executor, id: string): Promise<void> {
  const admins = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), isNull(users.disabledAt)))
    .orderBy(asc(users.id))
    .for('update');
  if (admins.some((admin) => admin.id !== id) || admins.every((admin) => admin.id !== id)) return;
  throw new LongshoreError('last_admin', 'This is the last admin, who must stay one.', {
    hint: 'Make somebody else an admin first.',
  });
}

async function named<T>(name: string, statement: PromiseLike<T>): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new LongshoreError('name_taken', `There already is a user named ${name}.`, { hint: 'Choose another name.' });
  }
}

function notFound(): never {
  throw new LongshoreError('user_not_found', 'There is no such user.', { hint: 'List them with: longshore users ls' });
}
