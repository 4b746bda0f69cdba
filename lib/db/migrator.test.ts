import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startOwnPostgres, type TestPostgres } from '@/tests/support/postgres.ts';
import { migrate, migrationsFolder, readMigrations } from './migrator.ts';
import { trainingDatasets, users } from './schema.ts';
import { type Database, databaseOver } from './session.ts';

let cluster: TestPostgres;
let folder: string;
const pools: pg.Pool[] = [];

beforeAll(async () => {
  cluster = await startOwnPostgres();
  folder = await mkdtemp(join(tmpdir(), 'longshore-migrations-'));
  await cp(migrationsFolder(), folder, { recursive: true });
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await cluster.stop();
});

function connect(url: string): { pool: pg.Pool; db: Database } {
  const pool = new pg.Pool({ connectionString: url });
  pools.push(pool);
  return { pool, db: databaseOver(pool) };
}
const emptyDatabase = async () => connect(await cluster.createDatabase({ empty: true }));

describe('the migrator', () => {
  test('applies every file once, in order, and remembers it', async () => {
    const { db } = await emptyDatabase();
    const names = (await readMigrations(folder)).map((file) => file.name);
    expect(await migrate(db, folder)).toEqual({ applied: names, unknown: [] });
    expect(await migrate(db, folder)).toEqual({ applied: [], unknown: [] });
  });

  test('many processes may start at once: each file is applied by exactly one', async () => {
    const url = await cluster.createDatabase({ empty: true });
    const results = await Promise.all(Array.from({ length: 6 }, () => migrate(connect(url).db, folder)));
    const names = (await readMigrations(folder)).map((file) => file.name);
    expect(results.flatMap((result) => result.applied)).toEqual(names);
  });

  test('refuses a file that changed after it was applied, but not its line ends', async () => {
    const { db } = await emptyDatabase();
    const own = await mkdtemp(join(tmpdir(), 'longshore-migrations-'));
    const file = join(own, '0001_own.sql');
    await writeFile(file, 'create table a (id integer);\ncreate table b (id integer);\n');
    await migrate(db, own);
    await writeFile(file, 'create table a (id integer);\r\ncreate table b (id integer);\r\n');
    expect(await migrate(db, own)).toEqual({ applied: [], unknown: [] });
    await appendFile(file, '-- changed\n');
    await expect(migrate(db, own)).rejects.toMatchObject({ code: 'migration_changed' });
    await rm(own, { recursive: true });
  });

  test('a file that fails leaves nothing of itself, and those before it stay', async () => {
    const { db } = await emptyDatabase();
    const own = await mkdtemp(join(tmpdir(), 'longshore-migrations-'));
    await writeFile(join(own, '0001_good.sql'), 'create table good (id integer);');
    await writeFile(join(own, '0002_bad.sql'), 'create table half (id integer); select no_such_function();');
    await expect(migrate(db, own)).rejects.toMatchObject({
      code: 'migration_failed',
      details: { migration: '0002_bad.sql', sql_state: '42883' },
    });
    const { rows } = await db.execute(sql`select to_regclass('good') as good, to_regclass('half') as half`);
    expect(rows).toEqual([{ good: 'good', half: null }]);
    await writeFile(join(own, '0002_bad.sql'), 'create table mended (id integer);');
    expect((await migrate(db, own)).applied).toEqual(['0002_bad.sql']);
    await rm(own, { recursive: true });
  });

  test('a database that a later release migrated is used, and said to be so', async () => {
    const { db } = await emptyDatabase();
    await migrate(db, folder);
    await db.execute(sql`insert into longshore.schema_migrations (name, sha256) values ('9999_later.sql', 'x')`);
    expect(await migrate(db, folder)).toEqual({ applied: [], unknown: ['9999_later.sql'] });
  });
});

const OLD_TABLES = [
  { name: 'text ids, timestamp without zone', id: 'text', time: 'timestamp' },
  { name: 'uuid ids, timestamp with zone', id: 'uuid', time: 'timestamptz' },
  { name: 'uuid ids, timestamp without zone', id: 'uuid', time: 'timestamp' },
] as const;
const ROW = '0192f000-0000-7000-8000-000000000001';
const USER = '0192f000-0000-7000-8000-0000000000aa';

describe.each(OLD_TABLES)('over an existing training_datasets with $name', ({ id, time }) => {
  async function migrated(): Promise<{ pool: pg.Pool; db: Database }> {
    const connection = await emptyDatabase();
    await connection.pool.query(`
      create table training_datasets (
        id ${id} primary key, user_id ${id} not null, name text not null, description text, format text not null,
        file_size_bytes bigint, total_examples integer, avg_input_length real, avg_output_length real,
        storage_path text not null, metadata jsonb, created_at ${time} default now(), own_column text);
      insert into training_datasets (id, user_id, name, format, storage_path, metadata, created_at, own_column)
      values ('${ROW}', '${USER}', 'old', 'jsonl', 'u/private/old.jsonl.gz', '{"s3_storage_path": null}',
        '2024-05-06 07:08:09.123456', 'kept')`);
    await migrate(connection.db, folder);
    return connection;
  }

  test('rows and columns of others are kept, and count as ready', async () => {
    const { pool, db } = await migrated();
    const { rows } = await pool.query(
      'select own_column, metadata, created_at::text as created from training_datasets',
    );
    expect(rows).toEqual([
      {
        own_column: 'kept',
        metadata: { s3_storage_path: null },
        created: expect.stringMatching(/^2024-05-06 07:08:09.123456/),
      },
    ]);
    const [dataset] = await db.select().from(trainingDatasets).where(eq(trainingDatasets.id, ROW));
    expect(dataset).toMatchObject({ id: ROW, userId: USER, status: 'ready', attempt: 0, deletedAt: null });
    expect(dataset?.createdAt?.toISOString()).toBe('2024-05-06T07:08:09.123Z');
  });

  test('an application that knows only the old columns can still write', async () => {
    const { pool, db } = await migrated();
    const other = ROW.replace(/1$/, '2');
    await pool.query(
      "insert into training_datasets (id, user_id, name, format, storage_path) values ($1, $2, 'n', 'f', 'p')",
      [other, USER],
    );
    expect(await db.select().from(trainingDatasets).where(eq(trainingDatasets.id, other))).toMatchObject([
      { status: 'ready', kind: null },
    ]);
  });

  test('times are written as UTC whatever the zone of the session', async () => {
    const { db } = await migrated();
    const createdAt = new Date('2026-01-02T03:04:05.678Z');
    await db.transaction(async (tx) => {
      await tx.execute(sql`set local time zone 'America/New_York'`);
      await tx.update(trainingDatasets).set({ createdAt, updatedAt: createdAt }).where(eq(trainingDatasets.id, ROW));
      expect(await tx.select().from(trainingDatasets)).toMatchObject([{ createdAt, updatedAt: createdAt }]);
    });
    expect(await db.select().from(trainingDatasets)).toMatchObject([{ createdAt, updatedAt: createdAt }]);
  });
});

describe('on Supabase', () => {
  const ME = USER;
  const OTHER = '0192f000-0000-7000-8000-0000000000bb';

  /** What Supabase has before anything of ours: roles, schema auth, and its default grants on tables in public. */
  async function supabase(): Promise<pg.Pool> {
    const { pool, db } = await emptyDatabase();
    await pool.query(`
      do $$ begin
        if not exists (select 1 from pg_roles where rolname = 'authenticated') then
          create role authenticated nologin; create role anon nologin;
        end if;
      end $$;
      create schema auth;
      grant usage on schema auth, public to authenticated, anon;
      create function auth.uid() returns uuid language sql stable
        as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
      alter default privileges in schema public grant all on tables to authenticated, anon`);
    await migrate(db, folder);
    await db.insert(users).values({ id: 'x', name: 'x' });
    for (const [user, n] of [
      [ME, 1],
      [OTHER, 2],
    ] as const) {
      await db.insert(trainingDatasets).values({
        id: ROW.replace(/1$/, String(n)),
        userId: user,
        name: `of ${user}`,
        format: 'messages',
        storagePath: `${user}/private/${n}.jsonl.gz`,
      });
    }
    return pool;
  }

  /** Runs one statement as PostgREST does for a request with this role and user. */
  async function as(pool: pg.Pool, role: string, user: string, statement: string): Promise<pg.QueryResult> {
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local role ${role}; select set_config('request.jwt.claim.sub', '${user}', true)`);
      return await client.query(statement);
    } finally {
      await client.query('rollback');
      client.release();
    }
  }
  const DENIED = { code: '42501' };

  test('a signed-in user reads and renames the own rows only', async () => {
    const pool = await supabase();
    const mine = await as(pool, 'authenticated', ME, 'select user_id from training_datasets');
    expect(mine.rows).toEqual([{ user_id: ME }]);
    expect((await as(pool, 'authenticated', ME, "update training_datasets set name = 'new'")).rowCount).toBe(1);
    expect((await as(pool, 'authenticated', '', 'select 1 from training_datasets')).rowCount).toBe(0);
  });

  test.each([
    "update training_datasets set storage_path = 'elsewhere'",
    `update training_datasets set user_id = '${OTHER}'`,
    "update training_datasets set metadata = '{}'",
    "update training_datasets set status = 'ready'",
    'delete from training_datasets',
    `insert into training_datasets (id, user_id, name, format, storage_path) values ('n', '${ME}', 'n', 'f', 'p')`,
    'truncate training_datasets',
    'select * from longshore.secrets',
    'select * from longshore.dataset_replicas',
  ])('a signed-in user may not: %s', async (statement) => {
    await expect(as(await supabase(), 'authenticated', ME, statement)).rejects.toMatchObject(DENIED);
  });

  test.each([
    'select * from training_datasets',
    "update training_datasets set name = 'x'",
    'truncate training_datasets',
  ])('somebody who is not signed in may not: %s', async (statement) => {
    await expect(as(await supabase(), 'anon', '', statement)).rejects.toMatchObject(DENIED);
  });
});
