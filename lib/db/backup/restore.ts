import { sql } from 'drizzle-orm';
import { LongshoreError } from '@/lib/errors.ts';
import type { DatabaseHandle, Transaction } from '../database.ts';
import type { BackupManifest, BackupRow } from './format.ts';
import { type BackupKey, openKeys } from './key-box.ts';
import { readManifest, readRows } from './read-backup.ts';
import { settleRestored } from './settle-restored.ts';
import { appliedMigrations, type BackupTable, backupTables, quoted } from './tables.ts';

export interface RestoreOptions {
  /** Opens the keys, when the backup carries them sealed. */
  passphrase?: string;
  /** Remove what the database holds. Without it only an empty one is restored into. */
  replace?: boolean;
  /** Rows read so far. */
  onProgress?: (rows: number) => void;
}

export interface RestoreSummary {
  created_at: string;
  installation_id: string | null;
  rows: number;
  /** To be put where the installation reads its keys from. Undefined: not in the backup, or sealed and no passphrase. */
  keys: BackupKey[] | undefined;
}

/** A batch becomes one parameter. */
const BATCH_BYTES = 1024 * 1024;
/** The first start fills these without anybody having done anything. */
const NOT_COUNTED = new Set([
  'longshore.installation',
  'longshore.phases',
  'longshore.current_phase',
  'longshore.schedules',
  'longshore.jobs',
]);

/**
 * Puts the rows of a backup into a database that `openDatabase` has migrated: all of them or none. No other process may
 * use the database meanwhile; those that try wait.
 *
 * Throws `backup_damaged`, `backup_too_new`, `backup_passphrase_wrong` or `database_not_empty`; nothing has changed then.
 */
export async function restoreFrom(
  handle: DatabaseHandle,
  file: string,
  options: RestoreOptions = {},
): Promise<RestoreSummary> {
  const manifest = await readManifest(file);
  const keys = manifest.keys ? await openKeys(manifest.keys, options.passphrase) : undefined;
  const rows = await handle.db.transaction(async (tx) => {
    await tx.execute(sql`set local statement_timeout = 0`);
    await tx.execute(sql`set local time zone 'UTC'`);
    const tables = await backupTables(tx);
    const targets = await matchTables(tx, manifest, tables);
    await setTriggers(tx, tables, 'disable');
    await makeRoom(tx, tables, options.replace ?? false);
    const count = await insertAll(tx, readRows(file), targets, options.onProgress);
    await restartCounters(tx, tables);
    await settleRestored(tx);
    await setTriggers(tx, tables, 'enable');
    return count;
  });
  return { created_at: manifest.created_at, installation_id: manifest.installation_id, rows, keys };
}

/** For every table of the backup, how to insert a batch of its rows here. */
async function matchTables(
  tx: Transaction,
  manifest: BackupManifest,
  tables: readonly BackupTable[],
): Promise<string[]> {
  const known = new Set(await appliedMigrations(tx));
  const missing = manifest.migrations.filter((name) => !known.has(name));
  if (missing.length > 0) throw tooNew(`it needs ${missing.join(', ')}`);
  return manifest.tables.map(({ name, columns }) => {
    const table = tables.find((candidate) => candidate.name === name);
    if (!table) throw tooNew(`there is no table ${name} here`);
    return insertStatement(table, columns);
  });
}

function insertStatement(table: BackupTable, columns: readonly string[]): string {
  const values = columns.map((name, i) => {
    const column = table.columns.find((candidate) => candidate.name === name);
    if (!column) throw tooNew(`${table.name} has no column ${name} here`);
    return `(r->>${i})::${column.type}`;
  });
  const names = columns.map(quoted).join(', ');
  return `insert into ${table.name} (${names}) overriding system value select ${values.join(', ')} from jsonb_array_elements`;
}

/** Rows come as they were: what others do when a row is added has been done. Also keeps every other writer out. */
async function setTriggers(tx: Transaction, tables: readonly BackupTable[], what: 'disable' | 'enable'): Promise<void> {
  for (const { name } of tables) await tx.execute(sql.raw(`alter table ${name} ${what} trigger user`));
}

async function makeRoom(tx: Transaction, tables: readonly BackupTable[], replace: boolean): Promise<void> {
  const filled = await countRows(
    tx,
    tables.filter((table) => !NOT_COUNTED.has(table.name)),
  );
  if (filled > 0 && !replace) throw notEmpty(filled);
  for (const { name } of [...tables].reverse()) await tx.execute(sql.raw(`delete from ${name}`));
}

async function countRows(tx: Transaction, tables: readonly BackupTable[]): Promise<number> {
  const counts = tables.map(({ name }) => `(select count(*) from ${name})`).join(' + ');
  const { rows } = await tx.execute<{ count: number }>(sql.raw(`select (${counts})::float8 as count`));
  return rows[0]?.count ?? 0;
}

async function insertAll(
  tx: Transaction,
  rows: AsyncIterable<BackupRow>,
  statements: readonly string[],
  onProgress: RestoreOptions['onProgress'],
): Promise<number> {
  let batch: BackupRow[] = [];
  let bytes = 0;
  let total = 0;
  const flush = async () => {
    const statement = statements[batch[0]?.t ?? -1];
    if (statement === undefined) return;
    const values = JSON.stringify(batch.map((row) => row.r));
    await tx.execute(sql`${sql.raw(statement)}(${values}::jsonb) as r`);
    total += batch.length;
    onProgress?.(total);
    [batch, bytes] = [[], 0];
  };
  for await (const row of rows) {
    if (bytes >= BATCH_BYTES || (batch[0] && batch[0].t !== row.t)) await flush();
    batch.push(row);
    bytes += row.r.reduce((sum, value) => sum + (value?.length ?? 0) + 4, 0);
  }
  await flush();
  return total;
}

/** Numbers that the database gives out go on after the highest that was restored. */
async function restartCounters(tx: Transaction, tables: readonly BackupTable[]): Promise<void> {
  for (const table of tables) {
    for (const column of table.columns.filter(({ identity }) => identity)) {
      await tx.execute(sql`
        select setval(pg_get_serial_sequence(${table.name}, ${column.name}), greatest(max(id), 1), max(id) is not null)
        from ${sql.raw(table.name)}`);
    }
  }
}

function tooNew(why: string): LongshoreError {
  return new LongshoreError('backup_too_new', `The backup was made by a later release: ${why}.`, {
    hint: 'Nothing was changed. Restore with that release.',
  });
}

function notEmpty(rows: number): LongshoreError {
  return new LongshoreError('database_not_empty', `The database holds ${rows} rows already.`, {
    hint: 'Nothing was changed. Restore into an empty database, or ask for them to be replaced: they are lost then.',
    details: { rows },
  });
}
