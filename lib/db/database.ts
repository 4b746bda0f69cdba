import { sql } from 'drizzle-orm';
import type pg from 'pg';
import { migrate } from './migrator.ts';
import { connectPostgres, type PostgresOptions } from './postgres.ts';
import { type Database, databaseOver } from './session.ts';

export type { Database, Executor, Transaction } from './session.ts';

export type DatabaseKind = 'postgres' | 'embedded';

export interface DatabaseHandle {
  readonly db: Database;
  readonly kind: DatabaseKind;
  /** One round trip. Throws when the database does not answer. */
  ping(): Promise<void>;
  /** Waits for running statements, then gives everything back. May be called twice. */
  close(): Promise<void>;
}

export type DatabaseOptions = PostgresOptions;

/** Opens the database and brings its tables up to date. */
export async function openDatabase(options: DatabaseOptions): Promise<DatabaseHandle> {
  const pool = await connectPostgres(options);
  try {
    const handle = handleOver(pool);
    await migrate(handle.db);
    return handle;
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function handleOver(pool: pg.Pool): DatabaseHandle {
  const db = databaseOver(pool);
  return {
    db,
    kind: 'postgres',
    ping: async () => {
      await db.execute(sql`select 1`);
    },
    close: async () => {
      if (!pool.ending) await pool.end();
    },
  };
}
