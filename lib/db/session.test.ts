import { eq, sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { describeDatabase } from '@/tests/support/database.ts';
import { isUniqueViolation, QueryError } from './query-error.ts';
import { users } from './schema.ts';

describeDatabase('a session', (database) => {
  const names = async () => (await database.db.select({ name: users.name }).from(users)).map((row) => row.name);
  const add = (name: string) => database.db.insert(users).values({ id: name, name });

  test('a transaction commits as a whole', async () => {
    const answer = await database.db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 'a', name: 'ada' });
      await tx.update(users).set({ role: 'admin' }).where(eq(users.id, 'a'));
      return 'done';
    });
    expect(answer).toBe('done');
    expect(await database.db.select().from(users)).toMatchObject([{ name: 'ada', role: 'admin' }]);
  });

  test('an error in a transaction takes everything back and is the error that is seen', async () => {
    const failing = database.db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 'a', name: 'ada' });
      throw new RangeError('own');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await names()).toEqual([]);
  });

  test('a failed statement that the work ignores is not taken for a commit', async () => {
    const failing = database.db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 'a', name: 'ada' });
      await tx.execute(sql`select 1 / 0`).catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ code: 'transaction_rolled_back' });
    expect(await names()).toEqual([]);
  });

  test('a nested transaction can fail alone', async () => {
    await database.db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 'a', name: 'ada' });
      const inner = tx.transaction(async (nested) => {
        await nested.insert(users).values({ id: 'a', name: 'again' });
      });
      await expect(inner).rejects.toSatisfy((error) => isUniqueViolation(error, 'users_pkey'));
    });
    expect(await names()).toEqual(['ada']);
  });

  test('using the database beside an open transaction is refused instead of waiting for ever', async () => {
    const nested = database.db.transaction(async () => {
      await names();
    });
    await expect(nested).rejects.toMatchObject({ code: 'nested_database_use' });
    const twice = database.db.transaction(() => database.db.transaction(async () => undefined));
    await expect(twice).rejects.toMatchObject({ code: 'nested_database_use' });
  });

  test('work that a transaction started may use the database when the transaction is over', async () => {
    let later: Promise<string[]> = Promise.resolve([]);
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await database.db.transaction(async (tx) => {
      later = finished.then(() => names());
      await tx.insert(users).values({ id: 'a', name: 'ada' });
    });
    finish();
    expect(await later).toEqual(['ada']);
  });

  test('errors name the constraint and never a value', async () => {
    await add('secret-value');
    const error = await add('secret-value').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(QueryError);
    expect(error).toMatchObject({ sqlState: '23505', constraint: 'users_pkey', table: 'users' });
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain('secret-value');
  });

  test('many transactions at once take turns and all succeed', async () => {
    await database.db.execute(sql`insert into longshore.users (id, name) values ('n', '0')`);
    const increment = () =>
      database.db.transaction(async (tx) => {
        const { rows } = await tx.execute<{ name: string }>(
          sql`select name from longshore.users where id = 'n' for update`,
        );
        await tx
          .update(users)
          .set({ name: String(Number(rows[0]?.name) + 1) })
          .where(eq(users.id, 'n'));
      });
    await Promise.all(Array.from({ length: 40 }, increment));
    expect(await names()).toEqual(['40']);
  });
});
