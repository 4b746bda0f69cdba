import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openAdoption } from '@/lib/composition/adoption.ts';
import { readConfig } from '@/lib/config/config.ts';
import { newId } from '@/lib/db/ids.ts';
import { migrate } from '@/lib/db/migrator.ts';
import { type Database, databaseOver } from '@/lib/db/session.ts';
import { problemCursor, problemCursorOf } from '@/lib/http/adoption-views.ts';
import { Adoption, type AdoptionSummary } from '@/lib/migration/adopt/adoption.ts';
import { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';
import { pathFault } from '@/lib/migration/adopt/legacy-path.ts';
import type { Problem } from '@/lib/migration/adopt/problems.ts';
import { createOldTable, OldApplication, type OldTable, oldObject, oldPath } from '@/tests/support/old-application.ts';
import { startOwnPostgres, type TestPostgres } from '@/tests/support/postgres.ts';
import { supabaseClientFor } from '@/tests/support/sandbox-clients.ts';
import { type SupabaseTestStore, startSupabaseTestStore } from '@/tests/support/supabase-store.ts';

const TABLES: (OldTable & { name: string })[] = [
  { name: 'text ids, timestamp', idType: 'text', timeType: 'timestamp' },
  { name: 'uuid ids, timestamptz, more columns', idType: 'uuid', timeType: 'timestamptz', extra: 'own_column text' },
  {
    name: 'varchar ids, integer sizes, metadata never null',
    idType: 'character varying(64)',
    timeType: 'timestamp',
    sizeType: 'integer',
    metadata: 'jsonb not null',
  },
];
const USER = '0192f000-0000-7000-8000-0000000000aa';
const OTHER = '0192f000-0000-7000-8000-0000000000bb';
const id = (n: number) => `0192f000-0000-7000-8000-${String(n).padStart(12, '0')}`;

let cluster: TestPostgres;
let pool: pg.Pool;
let db: Database;
let store: SupabaseTestStore;
let old: OldApplication;
let now = new Date();

beforeAll(async () => {
  cluster = await startOwnPostgres();
});
beforeEach(async () => {
  pool = new pg.Pool({ connectionString: await cluster.createDatabase({ empty: true }) });
  db = databaseOver(pool);
  store = await startSupabaseTestStore();
  old = new OldApplication(pool, supabaseClientFor(store.sandbox));
  now = new Date();
});
afterEach(async () => {
  await pool.end();
  await store.close();
});
afterAll(() => cluster.stop());

function adoption(): Adoption {
  return new Adoption({ db, repository: new AdoptionRepository(db), base: store.service, newId, now: () => now });
}

async function apply(): Promise<AdoptionSummary> {
  await migrate(db);
  return adoption().apply();
}

async function replicas(): Promise<Record<string, unknown>[]> {
  const { rows } = await pool.query(
    'select dataset_id, object_key, provider, state, size_bytes::int as size, object_sha256 from longshore.dataset_replicas order by 1, 2',
  );
  return rows;
}

async function problemsOf(work: (onProblem: (problem: Problem) => void) => Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  await work(({ code, object_key: key, dataset_id }) => void found.push(`${code} ${key} ${dataset_id ?? '-'}`));
  return found.sort();
}

describe.each(TABLES)('over a table with $name', (table) => {
  beforeEach(() => createOldTable(pool, table));

  test('a plan changes nothing at all', async () => {
    await old.upload({ id: id(1), userId: USER }, oldObject(3));
    const { rows: before } = await pool.query('select * from training_datasets');
    const summary = await adoption().plan();
    expect(summary).toMatchObject({ applied: false, rows: 1, legacy_rows: 1, objects: 1, adoptable: 1, problems: {} });
    expect((await pool.query('select * from training_datasets')).rows).toEqual(before);
    expect((await pool.query("select 1 from pg_namespace where nspname = 'longshore'")).rows).toEqual([]);
  });

  test('every row gets its base copy, and the old application reads what it read before', async () => {
    const objects = [oldObject(3), oldObject(40)];
    for (const [at, object] of objects.entries()) await old.upload({ id: id(at), userId: USER }, object);
    await old.upload({ id: id(9), userId: OTHER, metadata: { s3_storage_path: null, own: [1] } }, oldObject(1));
    const before = [await old.list(USER), await old.list(OTHER)];
    expect(await apply()).toMatchObject({
      applied: true,
      rows: 3,
      adoptable: 3,
      missing: 0,
      s3_copies: 0,
      problems: {},
    });
    expect(await replicas()).toMatchObject([
      { dataset_id: id(0), object_key: oldPath({ id: id(0), userId: USER }), provider: 'supabase', state: 'completed' },
      { dataset_id: id(1), size: objects[1]?.byteLength, object_sha256: null },
      { dataset_id: id(9), object_key: oldPath({ id: id(9), userId: OTHER }) },
    ]);
    expect([await old.list(USER), await old.list(OTHER)]).toEqual(before);
    expect(await old.download(USER, id(1))).toEqual(objects[1]);
  });

  test('what it goes on doing is taken in by the same transaction', async () => {
    await apply();
    await old.upload({ id: id(1), userId: USER }, oldObject(3));
    await old.upload({ id: id(2), userId: USER }, oldObject(4));
    expect((await replicas()).map((row) => row.dataset_id)).toEqual([id(1), id(2)]);
    await old.delete(USER, id(1));
    expect(await replicas()).toMatchObject([
      { dataset_id: id(1), state: 'deleting' },
      { dataset_id: id(2), state: 'completed' },
    ]);
    const { rows } = await pool.query('select dataset_id, reason from longshore.tombstones');
    expect(rows).toEqual([{ dataset_id: id(1), reason: 'dataset_deleted' }]);
  });

  test('applying again changes nothing, and finishes what a stopped run left', async () => {
    for (let at = 0; at < 5; at++) await old.upload({ id: id(at), userId: USER }, oldObject(at + 1));
    const first = await apply();
    await pool.query("delete from longshore.dataset_replicas where dataset_id like '%3'");
    await pool.query("delete from longshore.adopted_datasets where dataset_id like '%3'");
    const rest = await replicas();
    expect(await adoption().apply()).toEqual(first);
    expect(await replicas()).toHaveLength(5);
    expect(await replicas()).toEqual(expect.arrayContaining(rest));
    expect(await adoption().apply()).toEqual(first);
  });
});

describe('who may do what', () => {
  test('an application whose role knows nothing of Longshore goes on inserting, moving and deleting', async () => {
    await createOldTable(pool, { idType: 'uuid', timeType: 'timestamptz' });
    await pool.query('create role old_app_of_this_test');
    await pool.query('grant select, insert, update, delete on public.training_datasets to old_app_of_this_test');
    await apply();
    const client = await pool.connect();
    try {
      await client.query('set role old_app_of_this_test');
      const insert = `insert into training_datasets (id, user_id, name, format, storage_path) values ($1, $2, 'n', 'f', $3)`;
      await client.query(insert, [id(1), USER, oldPath({ id: id(1), userId: USER })]);
      await client.query(insert, [id(2), USER, oldPath({ id: id(2), userId: USER })]);
      await client.query('update training_datasets set storage_path = $1 where id = $2', [
        `${USER}/private/second.jsonl.gz`,
        id(1),
      ]);
      await client.query('delete from training_datasets where id = $1', [id(2)]);
      await client.query('reset role');
    } finally {
      client.release();
    }
    expect(await replicas()).toMatchObject([
      { dataset_id: id(1), object_key: `${USER}/private/second.jsonl.gz`, state: 'completed' },
      { dataset_id: id(2), state: 'deleting' },
    ]);
    await pool.query('drop owned by old_app_of_this_test; drop role old_app_of_this_test');
  });

  test('rights of users that end are told before anything is done', async () => {
    await createOldTable(pool, { idType: 'uuid', timeType: 'timestamptz' });
    await pool.query(`do $$ begin
      if not exists (select 1 from pg_roles where rolname = 'authenticated') then create role authenticated; end if;
    end $$`);
    await pool.query('grant select, insert, delete on public.training_datasets to authenticated');
    const { table } = await adoption().plan();
    expect(table.map(({ code }) => code)).toEqual(['user_writes_end', 'row_security_begins']);
    expect(table[0]?.message).toContain('authenticated delete, authenticated insert');
  });

  test('Supabase keys without the rows of its database are refused with the remedy', async () => {
    const config = readConfig({
      SUPABASE_URL: store.sandbox.url,
      SUPABASE_SERVICE_ROLE_KEY: store.sandbox.serviceRoleKey,
    });
    await expect(openAdoption(config, { apply: true })).rejects.toMatchObject({
      code: 'migration_needs_database',
      hint: expect.stringContaining('DATABASE_URL'),
    });
  });

  test('a database without the table gets nothing of Longshore', async () => {
    const url = await cluster.createDatabase({ empty: true });
    const { url: SUPABASE_URL, serviceRoleKey } = store.sandbox;
    const config = readConfig({
      ...{ SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey },
      ...{ DATABASE_URL: url, ENCRYPTION_KEY: 'ab'.repeat(32) },
    });
    await expect(openAdoption(config, { apply: true })).rejects.toMatchObject({ code: 'adoption_no_table' });
    const other = new pg.Pool({ connectionString: url });
    expect((await other.query("select 1 from pg_namespace where nspname = 'longshore'")).rows).toEqual([]);
    await other.end();
  });
});

describe('what is wrong', () => {
  beforeEach(() => createOldTable(pool, { idType: 'text', timeType: 'timestamptz' }));

  async function everythingWrong(): Promise<string[]> {
    await old.upload({ id: 'good', userId: USER }, oldObject(1));
    await old.upload({ id: 'size', userId: USER, sizeBytes: 12 }, oldObject(1));
    await old.insert({ id: 'gone', userId: USER });
    await old.upload({ id: 'twin-a', userId: USER, storagePath: `${USER}/private/twin.jsonl.gz` }, oldObject(1));
    await old.insert({ id: 'twin-b', userId: USER, storagePath: `${USER}/private/twin.jsonl.gz` });
    await old.insert({ id: 'foreign', userId: USER, storagePath: oldPath({ id: 'x', userId: OTHER }) });
    await old.insert({ id: 'prefix', userId: 'u', storagePath: 'u-other/private/x.jsonl.gz' });
    await old.insert({ id: 'climbs', userId: USER, storagePath: `${USER}/../${OTHER}/private/x.jsonl.gz` });
    await old.insert({ id: 'name with spaces', userId: USER, storagePath: `${USER}/private/spaces.jsonl.gz` });
    await old.insert({ id: 'far', userId: USER, metadata: { s3_storage_path: `${OTHER}/datasets/far.jsonl.gz` } });
    await old.store(`${USER}/private/left-behind.jsonl.gz`, oldObject(1));
    await old.store(`${USER}/private/empty.jsonl.gz`, Buffer.alloc(0));
    await old.insert({ id: 'empty', userId: USER });
    await old.insert({ id: 'nothing', userId: USER, metadata: { s3_storage_path: null } });
    // Long after the uploads: what has no row by now never gets one.
    now = new Date(Date.now() + 2 * 3_600_000);
    return [
      `duplicate_path ${USER}/private/twin.jsonl.gz twin-a`,
      `duplicate_path ${USER}/private/twin.jsonl.gz twin-b`,
      `empty_object ${USER}/private/empty.jsonl.gz empty`,
      `foreign_path ${OTHER}/private/x.jsonl.gz foreign`,
      `foreign_path u-other/private/x.jsonl.gz prefix`,
      `object_missing ${USER}/private/far.jsonl.gz far`,
      `object_missing ${USER}/private/gone.jsonl.gz gone`,
      `object_missing ${USER}/private/nothing.jsonl.gz nothing`,
      `object_without_row ${USER}/private/left-behind.jsonl.gz -`,
      `size_differs ${USER}/private/size.jsonl.gz size`,
      `unsafe_id ${USER}/private/spaces.jsonl.gz name with spaces`,
      `unsafe_path ${USER}/../${OTHER}/private/x.jsonl.gz climbs`,
    ].sort();
  }

  test('is listed by plan and apply alike, and stays on record until it is mended', async () => {
    const expected = await everythingWrong();
    expect(await problemsOf((onProblem) => adoption().plan({ onProblem }))).toEqual(expected);
    await migrate(db);
    expect(await problemsOf((onProblem) => adoption().apply({ onProblem }))).toEqual(expected);
    const repository = new AdoptionRepository(db);
    const recorded: string[] = [];
    for await (const { code, object_key: key, dataset_id } of repository.problems())
      recorded.push(`${code} ${key} ${dataset_id ?? '-'}`);
    expect(recorded.sort()).toEqual([...expected, `foreign_s3_path ${OTHER}/datasets/far.jsonl.gz far`].sort());
    const paged: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const [problem] = await repository.problemPage(problemCursor(cursor), 1);
      if (problem === undefined) break;
      paged.push(`${problem.code} ${problem.object_key} ${problem.dataset_id ?? '-'}`);
      cursor = problemCursorOf(problem);
    }
    expect(paged.sort()).toEqual(recorded);
    await old.upload({ id: 'unrelated', userId: USER }, oldObject(1));
    await pool.query("delete from training_datasets where id in ('twin-b', 'gone')");
    await old.store(`${USER}/private/nothing.jsonl.gz`, oldObject(1));
    await adoption().apply();
    const counts = await repository.problemCounts();
    expect(counts).toMatchObject({ object_missing: 1, size_differs: 1 });
    expect(counts).not.toHaveProperty('duplicate_path');
    const states = (await replicas()).map((row) => `${row.dataset_id} ${row.state}`);
    expect(states).toEqual(expect.arrayContaining(['nothing completed', 'twin-a completed', 'far missing']));
  });

  test('only believed paths get a copy', async () => {
    await everythingWrong();
    await apply();
    expect((await replicas()).map((row) => `${row.dataset_id} ${row.state}`)).toEqual([
      'empty completed',
      'far missing',
      'gone missing',
      'good completed',
      'nothing missing',
      'size completed',
    ]);
  });

  test('the plan judges paths as the database does', async () => {
    await migrate(db);
    const paths = [
      ...['u/a', 'u/private/x.jsonl.gz', 'u', 'u/', 'u//a', 'u/./a', 'u/../v/a', 'u/..', 'v/a', 'ux/a', '/u/a', ''],
      ...['u/a b', 'u/a~b', 'u/ä', 'u/a\nb', 'u/a\\b', 'u/a%2e', `u/${'x'.repeat(180)}`, `u/${'x'.repeat(181)}`],
      ...['u/...', 'u/.a', `u/${'abcd/'.repeat(180)}x`, "u/it's", 'u/a\tb', 'u/a#b', 'u/{a}', 'u/😀'],
    ];
    const ids = ['d', 'a-b_c', 'a b', 'a/b', '', '-a', 'x'.repeat(129), 'ä'];
    for (const path of paths)
      for (const dataset of ids) {
        const { rows } = await pool.query('select longshore.path_fault($1, $2, $3) as fault', [dataset, 'u', path]);
        const planned = pathFault({ id: dataset, userId: 'u', storagePath: path }) ?? null;
        expect([dataset, path, planned]).toEqual([dataset, path, rows[0].fault]);
      }
  });
});

describe('a table that cannot be adopted', () => {
  test.each([
    ['numbers as ids', 'id integer primary key, user_id text not null', 'id_type_unsupported'],
    ['ids that may repeat', 'id text, user_id text not null', 'id_not_unique'],
  ])('%s: refused with the remedy, and untouched', async (_name, columns, code) => {
    await pool.query(`create table training_datasets (${columns}, name text not null, format text not null,
      file_size_bytes bigint, storage_path text not null, metadata jsonb, created_at timestamp)`);
    const { table } = await adoption().plan();
    expect(table.map((finding) => `${finding.severity} ${finding.code}`)).toContain(`blocking ${code}`);
    await expect(adoption().apply()).rejects.toMatchObject({
      code: 'adoption_blocked',
      hint: expect.stringMatching(/alter table/),
    });
  });
});
