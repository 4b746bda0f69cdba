import { sql } from 'drizzle-orm';
import pg from 'pg';
import { LongshoreError } from '@/lib/errors.ts';
import { type Logger, silentLogger } from '@/lib/observability/logger.ts';
import { SOCKET_PORT } from './embedded/child-protocol.ts';
import { EmbeddedServer } from './embedded/embedded-server.ts';
import { migrate } from './migrator.ts';
import { connectPostgres, keepsStatements, type PostgresOptions, quietLostConnections } from './postgres.ts';
import { type Database, databaseOver } from './session.ts';

export { afterCommit, type Database, type Executor, type Transaction } from './session.ts';

export type DatabaseKind = 'postgres' | 'embedded';

export interface DatabaseHandle {
  readonly db: Database;
  readonly kind: DatabaseKind;
  /** Statements prepared by name are kept, which spares parsing and planning them each time. */
  readonly keepsStatements: boolean;
  /** Process id of the embedded database. Undefined for a server of its own. */
  readonly processId: number | undefined;
  /** Resolves with the reason if the embedded database goes down for good; the process should then end. */
  readonly failed: Promise<LongshoreError>;
  /** One round trip. Throws when the database does not answer. */
  ping(): Promise<void>;
  /** Waits for running statements, then gives everything back. May be called twice. */
  close(): Promise<void>;
}

export interface DatabaseOptions extends Omit<PostgresOptions, 'url'> {
  /** DATABASE_URL. Absent: the embedded database in `dataDir`. */
  url?: string;
  dataDir?: string;
  /** Address of this server: told to a second process that finds the data directory locked. */
  serverUrl?: string;
  log?: Logger;
}

/**
 * Opens the database and brings its tables up to date.
 *
 * Throws `database_unreachable`, `database_auth_failed`, `database_missing`, `database_too_old`, `database_tls_failed`,
 * `database_permission_denied` or `database_url_invalid` for a server; `data_dir_locked` (its details name the holder's
 * pid and url), `data_dir_unusable`, `embedded_version_mismatch` or `embedded_database_failed` for the embedded one;
 * `migration_changed` or `migration_failed` for both.
 */
export async function openDatabase(options: DatabaseOptions): Promise<DatabaseHandle> {
  const handle = await connectDatabase(options);
  try {
    const { applied, unknown } = await migrate(handle.db);
    if (applied.length > 0) options.log?.info({ applied }, 'database migrated');
    if (unknown.length > 0) options.log?.warn({ unknown }, 'the database was migrated by a later release');
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The database as it is: for those who only look, before anything of Longshore is in it. Throws as openDatabase. */
export async function connectDatabase(options: DatabaseOptions): Promise<DatabaseHandle> {
  const { url, dataDir } = options;
  if (url !== undefined) return openPostgres({ ...options, url });
  if (dataDir !== undefined) return openEmbedded({ ...options, dataDir });
  throw new LongshoreError('database_not_configured', 'Neither DATABASE_URL nor DATA_DIR is set.');
}

async function openPostgres(options: PostgresOptions): Promise<DatabaseHandle> {
  const pool = await connectPostgres(options);
  return {
    ...faceOf(databaseOver(pool)),
    kind: 'postgres',
    keepsStatements: keepsStatements(options.url),
    processId: undefined,
    failed: new Promise(() => undefined),
    close: () => endPool(pool),
  };
}

async function openEmbedded(options: DatabaseOptions & { dataDir: string }): Promise<DatabaseHandle> {
  const server = await EmbeddedServer.start({ ...options, log: options.log ?? silentLogger() });
  const pool = new pg.Pool({
    host: server.host,
    port: SOCKET_PORT,
    user: 'postgres',
    database: 'postgres',
    // The engine is one session. Waiting for it is normal: a large transaction holds it for seconds.
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 60_000,
  });
  quietLostConnections(pool);
  return {
    ...faceOf(databaseOver(pool, () => server.ready())),
    kind: 'embedded',
    keepsStatements: true,
    get processId() {
      return server.pid;
    },
    failed: server.failed,
    close: async () => {
      await endPool(pool);
      await server.close();
    },
  };
}

function faceOf(db: Database): Pick<DatabaseHandle, 'db' | 'ping'> {
  const ping = async () => {
    await db.execute(sql`select 1`);
  };
  return { db, ping };
}

async function endPool(pool: pg.Pool): Promise<void> {
  if (!pool.ending) await pool.end();
}
