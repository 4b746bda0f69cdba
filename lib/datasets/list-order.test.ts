import { and, eq, isNull, sql } from 'drizzle-orm';
import { beforeEach, expect, test } from 'vitest';
import { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { decodeCursor, encodeCursor } from '@/lib/datasets/list-cursor.ts';
import { LIST_SORTS, type ListOrder, orderBy, rowsAfter } from '@/lib/datasets/list-order.ts';
import { trainingDatasets } from '@/lib/db/schema.ts';
import { describeDatabase } from '@/tests/support/database.ts';

const ROWS = 1000;
const ORDERS: ListOrder[] = LIST_SORTS.flatMap((sort) => [
  { sort, descending: true },
  { sort, descending: false },
]);

describeDatabase('lists of datasets', (database) => {
  /** Equal values, missing ones and names longer than an index takes are all among them. */
  beforeEach(async () => {
    await database.db.execute(sql`
      insert into public.training_datasets
        (id, user_id, name, description, format, kind, file_size_bytes, total_examples, storage_path, created_at)
      select 'd' || n, case when n % 10 = 0 then 'eve' else 'ada' end,
        case when n % 500 = 1 then (select string_agg(md5((n * i)::text), '') from generate_series(1, 200) i)
          else 'Name ' || n % 700 end,
        'about ' || md5(n::text), 'messages', 'messages', nullif(n % 300, 0), nullif(n % 50, 0), 'p' || n,
        case when n % 100 > 2 then timestamptz '2026-01-01' + make_interval(secs => n % 900) end
      from generate_series(1, ${ROWS}) n`);
    await database.db.execute(sql`analyze public.training_datasets`);
  });

  test('pages of every order hold every row once, through cursors as clients have them', async () => {
    const repository = new DatasetRepository(database.db);
    for (const order of ORDERS) {
      const seen: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const after = cursor === undefined ? undefined : decodeCursor(order, cursor);
        const rows = await repository.list('ada', { order, cursor: after, limit: 199, status: 'all' });
        seen.push(...rows.slice(0, 199).map(({ id }) => id));
        const last = rows[198];
        if (rows.length < 200 || last === undefined) break;
        cursor = encodeCursor(order, { value: last.orderedBy, id: last.id });
      }
      const atOnce = await repository.list('ada', { order, limit: ROWS, status: 'all' });
      expect(seen).toEqual(atOnce.map(({ id }) => id));
      expect(new Set(seen).size).toBe(ROWS * 0.9);
    }
  });

  test('a page is read from the index of its order, and nothing is sorted', async () => {
    const repository = new DatasetRepository(database.db);
    for (const order of ORDERS) {
      const [middle] = (await repository.list('ada', { order, limit: 500, status: 'all' })).slice(400);
      const cursor = { value: middle?.orderedBy ?? '', id: middle?.id ?? '' };
      const page = database.db
        .select({ id: trainingDatasets.id })
        .from(trainingDatasets)
        .where(and(eq(trainingDatasets.userId, 'ada'), isNull(trainingDatasets.deletedAt), rowsAfter(order, cursor)))
        .orderBy(...orderBy(order))
        .limit(100);
      const { rows } = await database.db.execute<{ 'QUERY PLAN': string }>(sql`explain ${page.getSQL()}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toContain(`training_datasets_list_${order.sort}`);
      expect(plan).not.toContain('Sort');
    }
  });

  test('search by any part has an index, and finds what a user has', async () => {
    const repository = new DatasetRepository(database.db);
    const order: ListOrder = { sort: 'created', descending: true };
    const found = await repository.list('ada', { order, limit: 10, status: 'all', q: 'AME 69' });
    expect(new Set(found.map(({ name }) => name))).toContain('Name 69');
    expect(await repository.list('ada', { order, limit: 10, status: 'all', q: 'no such words' })).toEqual([]);
    const { rows } = await database.db.execute(
      sql`select 1 from pg_indexes where indexname = 'training_datasets_list_words'`,
    );
    expect(rows).toHaveLength(1);
  });

  test('asked for by id, a list holds those of the user, in its order', async () => {
    const repository = new DatasetRepository(database.db);
    const order: ListOrder = { sort: 'size', descending: false };
    const ids = ['d7', 'd5', 'd10', 'nobody'];
    const rows = await repository.list('ada', { order, limit: 10, status: 'all', ids });
    expect(rows.map(({ id }) => id)).toEqual(['d5', 'd7']);
  });
});
