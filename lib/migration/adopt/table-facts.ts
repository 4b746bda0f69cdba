import { sql } from 'drizzle-orm';
import type { Executor } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';

/** Something about the existing table that the operator should know before anything is done to it. */
export interface TableFinding {
  code: string;
  /** blocking: adoption is refused until it is mended. */
  severity: 'blocking' | 'warning';
  message: string;
  hint: string;
}

export interface TableFacts {
  exists: boolean;
  rowsAtMost: number;
  columns: Record<string, string>;
  /** Longshore's columns are there already. */
  migrated: boolean;
  adopted: boolean;
  findings: TableFinding[];
}

interface Column extends Record<string, unknown> {
  name: string;
  type: string;
  not_null: boolean;
  has_default: boolean;
}

interface Grants extends Record<string, unknown> {
  rls: boolean;
  writers: string[];
}

/** Columns that Longshore fills when it makes a row. Another one that must not be null stops its uploads. */
const FILLED = new Set([
  ...['id', 'user_id', 'name', 'description', 'format', 'file_size_bytes', 'total_examples', 'avg_input_length'],
  ...['avg_output_length', 'storage_path', 'metadata', 'created_at', 'kind', 'status', 'storage_provider'],
  ...['content_sha256', 'object_sha256', 'source_sha256', 'original_size_bytes', 'content_size_bytes', 'block_index'],
  ...['attempt', 'updated_at', 'deleted_at'],
]);
const OLD_COLUMNS = ['id', 'user_id', 'name', 'format', 'file_size_bytes', 'storage_path', 'metadata', 'created_at'];

/** Looks at the table of the old application, and changes nothing. */
export async function tableFacts(executor: Executor): Promise<TableFacts> {
  const columns = await columnsOf(executor);
  const { rows } = await executor.execute<{ adoption: string | null; rows: number }>(sql`
    select to_regclass('longshore.adoption')::text as adoption,
      coalesce((select greatest(reltuples, 0)::float8 from pg_class where oid = to_regclass('public.training_datasets')), 0) as rows`);
  const names = new Set(columns.map((column) => column.name));
  const adopted = rows[0]?.adoption != null && (await hasAdoption(executor));
  return {
    exists: columns.length > 0,
    rowsAtMost: rows[0]?.rows ?? 0,
    columns: Object.fromEntries(columns.map((column) => [column.name, column.type])),
    migrated: names.has('object_sha256') && rows[0]?.adoption != null,
    adopted,
    findings: columns.length === 0 ? [] : await findingsOf(executor, columns),
  };
}

/** @throws adoption_blocked with everything that must be mended first */
export function requireAdoptable({ findings }: TableFacts): void {
  const blocking = findings.filter((finding) => finding.severity === 'blocking');
  const [first] = blocking;
  if (first === undefined) return;
  throw new LongshoreError('adoption_blocked', blocking.map((finding) => finding.message).join(' '), {
    hint: first.hint,
    details: { findings: blocking },
  });
}

async function columnsOf(executor: Executor): Promise<Column[]> {
  const { rows } = await executor.execute<Column>(sql`
    select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as not_null,
      atthasdef or attidentity <> '' or attgenerated <> '' as has_default
    from pg_attribute
    where attrelid = to_regclass('public.training_datasets') and attnum > 0 and not attisdropped order by attnum`);
  return rows;
}

async function hasAdoption(executor: Executor): Promise<boolean> {
  return (await executor.execute(sql`select 1 from longshore.adoption`)).rows.length > 0;
}

async function findingsOf(executor: Executor, columns: readonly Column[]): Promise<TableFinding[]> {
  const byName = new Map(columns.map((column) => [column.name, column]));
  return [
    ...OLD_COLUMNS.filter((name) => !byName.has(name)).map(missingColumn),
    ...columns.flatMap(columnFindings),
    ...(await keyFindings(executor)),
    ...(byName.has('object_sha256') ? [] : await accessFindings(executor)),
  ];
}

function columnFindings(column: Column): TableFinding[] {
  const { name, type } = column;
  if ((name === 'id' || name === 'user_id') && !/^(text|uuid|character varying.*)$/.test(type)) return [idType(column)];
  if (name === 'metadata' && type !== 'jsonb') return [metadataType(column)];
  if (name === 'file_size_bytes' && (type === 'integer' || type === 'smallint')) return [narrow(column)];
  if (!FILLED.has(name) && column.not_null && !column.has_default) return [mustBeFilled(column)];
  return [];
}

function missingColumn(name: string): TableFinding {
  return {
    code: 'column_missing',
    severity: 'blocking',
    message: `public.training_datasets has no column ${name}.`,
    hint: 'Is this the database of the application whose datasets are to be adopted?',
  };
}

function idType({ name, type }: Column): TableFinding {
  return {
    code: 'id_type_unsupported',
    severity: 'blocking',
    message: `${name} is of type ${type}; Longshore makes ids that are text or uuid.`,
    hint: `Change it: alter table public.training_datasets alter column ${name} type text;`,
  };
}

function metadataType({ type }: Column): TableFinding {
  return {
    code: 'metadata_not_jsonb',
    severity: 'blocking',
    message: `metadata is of type ${type}, not jsonb.`,
    hint: 'Change it: alter table public.training_datasets alter column metadata type jsonb using metadata::jsonb;',
  };
}

function narrow({ type }: Column): TableFinding {
  return {
    code: 'column_too_narrow',
    severity: 'warning',
    message: `file_size_bytes is of type ${type}: it cannot hold the size of a dataset above 2 GiB.`,
    hint: 'Widen it: alter table public.training_datasets alter column file_size_bytes type bigint;',
  };
}

function mustBeFilled({ name }: Column): TableFinding {
  return {
    code: 'column_must_be_filled',
    severity: 'warning',
    message: `${name} must not be null and has no default: uploads through Longshore would be refused by the database.`,
    hint: `Give it a default: alter table public.training_datasets alter column ${name} set default …;`,
  };
}

async function keyFindings(executor: Executor): Promise<TableFinding[]> {
  const { rows } = await executor.execute(sql`
    select 1 from pg_index join pg_attribute a on a.attrelid = indrelid and a.attnum = indkey[0] and a.attname = 'id'
    where indrelid = to_regclass('public.training_datasets') and indisunique and indnkeyatts = 1 and indpred is null`);
  if (rows.length > 0) return [];
  return [
    {
      code: 'id_not_unique',
      severity: 'blocking',
      message: 'Nothing keeps two rows of public.training_datasets from having the same id.',
      hint: 'Add the key: alter table public.training_datasets add primary key (id);',
    },
  ];
}

/** Longshore's schema takes rights away that decide what is signed: who relies on them must be told before. */
async function accessFindings(executor: Executor): Promise<TableFinding[]> {
  const { rows } = await executor.execute<Grants>(sql`
    select c.relrowsecurity as rls, coalesce((
      select jsonb_agg(distinct grantee || ' ' || lower(privilege_type)) from information_schema.role_table_grants
      where table_schema = 'public' and table_name = 'training_datasets' and grantee in ('anon', 'authenticated')
        and privilege_type in ('INSERT', 'UPDATE', 'DELETE')), '[]') as writers
    from pg_class c where c.oid = to_regclass('public.training_datasets')`);
  const [grants] = rows;
  const findings: TableFinding[] = [];
  if (grants === undefined || grants.writers.length === 0) return findings;
  findings.push({
    code: 'user_writes_end',
    severity: 'warning',
    message: `Signed-in or anonymous users may write the table themselves (${grants.writers.join(', ')}); that ends.`,
    hint: 'An old application that writes with the service role is not touched. One that writes as its users needs, afterwards: grant insert, delete on public.training_datasets to authenticated;',
  });
  if (!grants.rls)
    findings.push({
      code: 'row_security_begins',
      severity: 'warning',
      message: 'Row level security is off; it is switched on, and users then read their own rows only.',
      hint: 'An old application that reads with the service role is not touched.',
    });
  return findings;
}
