import { getTableColumns, is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { expect, test } from 'vitest';
import { describeDatabase } from '@/tests/support/database.ts';
import { parseInstant } from './column-types.ts';
import * as schema from './schema.ts';

interface Column extends Record<string, unknown> {
  table: string;
  column: string;
  type: string;
  nullable: boolean;
  hasDefault: boolean;
}

const TYPE_NAMES: Record<string, string> = { 'timestamp (3) with time zone': 'timestamp(3) with time zone' };

function declaredColumns(): Column[] {
  const tables = Object.values(schema).filter((value) => is(value, PgTable));
  return tables.flatMap((table) => {
    const config = getTableConfig(table);
    return Object.values(getTableColumns(table)).map((column) => ({
      table: `${config.schema ?? 'public'}.${config.name}`,
      column: column.name,
      type: TYPE_NAMES[column.getSQLType()] ?? column.getSQLType(),
      nullable: !column.notNull,
      hasDefault: column.hasDefault || column.generatedIdentity !== undefined,
    }));
  });
}

const byName = (a: Column, b: Column) => `${a.table}.${a.column}`.localeCompare(`${b.table}.${b.column}`);

describeDatabase('the schema', (database) => {
  test('declares exactly the tables and columns that the migrations make', async () => {
    const { rows } = await database.db.execute<Column>(sql`
      select format('%s.%s', nspname, relname) as table, attname as column,
        format_type(atttypid, atttypmod) as type, not attnotnull as nullable,
        atthasdef or attidentity <> '' as "hasDefault"
      from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
      where relkind = 'r' and attnum > 0 and not attisdropped
        and (nspname = 'longshore' and relname <> 'schema_migrations' or relname = 'training_datasets')`);
    expect(declaredColumns().sort(byName)).toEqual([...rows].sort(byName));
  });

  test('instants come back to the millisecond, bytes and large numbers unchanged', async () => {
    const createdAt = new Date('2026-02-03T04:05:06.789Z');
    const ciphertext = Uint8Array.from({ length: 256 }, (_, i) => i);
    await database.db
      .insert(schema.secrets)
      .values({ id: 's', userId: 'u', provider: 'aws', version: 1, state: 'active', ciphertext, createdAt });
    const [secret] = await database.db.select().from(schema.secrets);
    expect(secret?.createdAt).toEqual(createdAt);
    expect(new Uint8Array(secret?.ciphertext ?? [])).toEqual(ciphertext);
    const size = 2 ** 52 + 1;
    await database.db
      .insert(schema.trainingDatasets)
      .values({ id: 'd', userId: 'u', name: 'n', format: 'f', storagePath: 'p', fileSizeBytes: size });
    expect(await database.db.select().from(schema.trainingDatasets)).toMatchObject([{ fileSizeBytes: size }]);
  });
});

test('a timestamp is read with its offset, and as UTC where it has none', () => {
  const utc = '2026-01-02T03:04:05.678Z';
  expect(parseInstant('2026-01-02 03:04:05.678+00').toISOString()).toBe(utc);
  expect(parseInstant('2026-01-02 05:34:05.678+02:30').toISOString()).toBe(utc);
  expect(parseInstant('2026-01-01 22:04:05.678-05').toISOString()).toBe(utc);
  expect(parseInstant('2026-01-02 03:04:05.678').toISOString()).toBe(utc);
  expect(parseInstant('2026-01-02 03:04:05').toISOString()).toBe('2026-01-02T03:04:05.000Z');
});
