import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { QueryError, SQLSTATE } from './query-error.ts';
import type { Database, Transaction } from './session.ts';

export interface MigrationFile {
  /** File name, which is also the order. */
  name: string;
  text: string;
  sha256: string;
}

export interface MigrationResult {
  /** Applied by this call, in order. Empty when another process was first, or nothing was new. */
  applied: string[];
  /** In the database and not in the folder: it was migrated by a later release. Migrations are additive, so that is fine. */
  unknown: string[];
}

/** "longshor" as a number: one lock for all processes that migrate this database. */
const LOCK = 0x6c6f_6e67n;

/**
 * Brings the database up to the folder's SQL files, in order of name, each in its own transaction with its record.
 *
 * Any number of processes may call this at once: a lock of each transaction makes them take turns, which also works
 * through a transaction pooler. Throws `migration_changed` when a file differs from what was applied, `migration_failed`
 * when its SQL fails; then nothing of that file has happened.
 */
export async function migrate(database: Database, folder: string = migrationsFolder()): Promise<MigrationResult> {
  const files = await readMigrations(folder);
  const recorded = await database.transaction(prepareRecord).catch((error: unknown) => {
    throw permissionDenied(error) ?? error;
  });
  const applied: string[] = [];
  for (const file of files) {
    if (isRecorded(recorded, file)) continue;
    if (await database.transaction((tx) => applyOnce(tx, file))) applied.push(file.name);
  }
  const names = new Set(files.map((file) => file.name));
  return { applied, unknown: [...recorded.keys()].filter((name) => !names.has(name)) };
}

/** The SQL files of this installation: beside the built code, or in the sources. */
export function migrationsFolder(): string {
  const built = join(projectRoot(), 'dist', 'migrations');
  return existsSync(built) ? built : join(projectRoot(), 'supabase', 'migrations');
}

export async function readMigrations(folder: string): Promise<MigrationFile[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort();
  return Promise.all(names.map((name) => readMigration(folder, name)));
}

async function readMigration(folder: string, name: string): Promise<MigrationFile> {
  // A checkout on Windows may change line ends; that is not another migration.
  const text = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
  return { name, text, sha256: createHash('sha256').update(text).digest('hex') };
}

/** Name and hash of what was applied. */
async function prepareRecord(tx: Transaction): Promise<Map<string, string>> {
  await takeTurn(tx);
  await tx.execute(sql`create schema if not exists longshore`);
  await tx.execute(sql`
    create table if not exists longshore.schema_migrations (
      name text primary key,
      sha256 text not null,
      applied_at timestamptz(3) not null default now()
    )`);
  return readRecord(tx);
}

async function takeTurn(tx: Transaction): Promise<void> {
  // Waiting for another process's migration is not a statement that runs too long.
  await tx.execute(sql`set local statement_timeout = 0`);
  await tx.execute(sql`select pg_advisory_xact_lock(${LOCK}::bigint)`);
}

async function readRecord(tx: Transaction): Promise<Map<string, string>> {
  const { rows } = await tx.execute<{ name: string; sha256: string }>(
    sql`select name, sha256 from longshore.schema_migrations order by name`,
  );
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

function isRecorded(recorded: ReadonlyMap<string, string>, file: MigrationFile): boolean {
  const sha256 = recorded.get(file.name);
  if (sha256 === undefined) return false;
  if (sha256 === file.sha256) return true;
  throw new LongshoreError('migration_changed', `${file.name} is not the file that this database was migrated with.`, {
    hint: 'An applied migration never changes: restore the file and write a new one.',
    details: { migration: file.name, applied_sha256: sha256, found_sha256: file.sha256 },
  });
}

/** False when another process applied it while this one waited. */
async function applyOnce(tx: Transaction, file: MigrationFile): Promise<boolean> {
  await takeTurn(tx);
  if (isRecorded(await readRecord(tx), file)) return false;
  try {
    await tx.execute(sql.raw(file.text));
  } catch (error) {
    throw migrationFailed(file, error);
  }
  await tx.execute(sql`insert into longshore.schema_migrations (name, sha256) values (${file.name}, ${file.sha256})`);
  return true;
}

function migrationFailed(file: MigrationFile, error: unknown): unknown {
  if (!(error instanceof QueryError)) return error;
  const denied = permissionDenied(error);
  if (denied) return denied;
  return new LongshoreError('migration_failed', `${file.name} could not be applied: ${error.message}`, {
    hint: 'Nothing of it was kept. Mend what the message names and start again.',
    details: { migration: file.name, sql_state: error.sqlState },
    cause: error,
  });
}

function permissionDenied(error: unknown): LongshoreError | undefined {
  if (!(error instanceof QueryError) || error.sqlState !== SQLSTATE.insufficientPrivilege) return undefined;
  return new LongshoreError('database_permission_denied', `The database user lacks a right: ${error.message}.`, {
    hint: 'Connect as a user who may create a schema in this database and owns public.training_datasets, if there is one.',
    cause: error,
  });
}
