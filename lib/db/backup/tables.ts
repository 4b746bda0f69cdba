import { getTableColumns, sql } from 'drizzle-orm';
import { trainingDatasets } from '../schema.ts';
import type { Transaction } from '../session.ts';

export interface BackupTable {
  /** Qualified and quoted where needed, as SQL reads it: `longshore.jobs`. */
  name: string;
  /** Own columns that can be written, in the order of the table. */
  columns: { name: string; type: string; identity: boolean }[];
  /** Names of the tables that its rows refer to. */
  refersTo: string[];
}

/**
 * The tables that hold an installation, in an order in which rows may be inserted. Columns that somebody else added to
 * training_datasets are not ours to carry.
 */
export async function backupTables(tx: Transaction): Promise<BackupTable[]> {
  const { rows } = await tx.execute<BackupTable & Record<string, unknown>>(sql`
    select format('%I.%I', n.nspname, c.relname) as name,
      (select jsonb_agg(jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
                                           'identity', attidentity <> '') order by attnum)
       from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns,
      coalesce((select jsonb_agg(distinct format('%I.%I', pn.nspname, pc.relname))
       from pg_constraint join pg_class pc on pc.oid = confrelid join pg_namespace pn on pn.oid = pc.relnamespace
       where conrelid = c.oid and contype = 'f' and confrelid <> c.oid), '[]') as "refersTo"
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and (n.nspname = 'longshore' and c.relname <> 'schema_migrations'
      or c.oid = 'training_datasets'::regclass)
    order by 1`);
  return parentsFirst(rows.map(withoutForeignColumns));
}

function withoutForeignColumns(table: BackupTable): BackupTable {
  if (table.name.startsWith('longshore.')) return table;
  const own = new Set(Object.values(getTableColumns(trainingDatasets)).map((column) => column.name));
  return { ...table, columns: table.columns.filter((column) => own.has(column.name)) };
}

function parentsFirst(tables: readonly BackupTable[]): BackupTable[] {
  const ordered: BackupTable[] = [];
  const add = (table: BackupTable): void => {
    if (ordered.includes(table)) return;
    for (const parent of tables) if (table.refersTo.includes(parent.name)) add(parent);
    ordered.push(table);
  };
  for (const table of tables) add(table);
  return ordered;
}

export async function appliedMigrations(tx: Transaction): Promise<string[]> {
  const { rows } = await tx.execute<{ name: string }>(sql`select name from longshore.schema_migrations order by name`);
  return rows.map((row) => row.name);
}

/** A name in double quotes, as an identifier. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
