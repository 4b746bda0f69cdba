import { existsSync } from 'node:fs';
import pg from 'pg';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { sqlStateOf } from './query-error.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with libpq's `sslmode` and `sslrootcert`. */
  url: string;
  /** Connections at the most. Default 10. */
  poolSize?: number;
  /** A statement that runs longer is cancelled. Default 30,000. */
  statementTimeoutMs?: number;
  /** How long to wait for a connection, a free one of the pool included. Default 10,000. */
  connectTimeoutMs?: number;
}

/** The oldest server that the tests run on. */
export const OLDEST_POSTGRES = 15;

/** A pool on a PostgreSQL server, proved to work. Throws `database_*` errors that say what is wrong with the address. */
export async function connectPostgres(options: PostgresOptions): Promise<pg.Pool> {
  const pool = new pg.Pool(poolConfig(options));
  quietLostConnections(pool);
  try {
    await checkServer(pool);
    return pool;
  } catch (error) {
    await pool.end();
    throw error instanceof LongshoreError ? error : connectionError(error, describeAddress(options.url));
  }
}

/**
 * A connection that is lost while idle, or inside a transaction between two statements, reports to nobody in particular:
 * the next statement on it fails, and the pool replaces it. Without a listener Node would end the process.
 */
export function quietLostConnections(pool: pg.Pool): void {
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
}

/** How `pg` is told. Exported for tests. */
export function poolConfig(options: PostgresOptions): pg.PoolConfig {
  const url = parseUrl(options.url);
  const pooled = !keepsStatements(options.url);
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  // "require" means what it means to psql: encrypted, certificate unchecked unless a root certificate is given.
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true');
  return {
    connectionString: url.href,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    application_name: 'longshore',
    keepAlive: true,
    // Poolers refuse start-up settings they do not know: there the client keeps the time, and drops the connection.
    ...(pooled ? { query_timeout: statementTimeoutMs } : { statement_timeout: statementTimeoutMs }),
  };
}

/**
 * Whether a connection of ours stays with one connection of the server, so that a statement prepared by name is still
 * there the next time. Not behind a pooler that gives every transaction another one (Supabase's on port 6543, PgBouncer):
 * nothing else here uses session settings or session locks, so such a pooler is fine.
 */
export function keepsStatements(address: string): boolean {
  const url = parseUrl(address);
  return url.port !== '6543' && url.searchParams.get('pgbouncer') !== 'true';
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalidUrl('it is not a URL');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw invalidUrl('it must start with postgres://');
  const rootCertificate = url.searchParams.get('sslrootcert');
  if (rootCertificate !== null && !existsSync(rootCertificate)) throw invalidUrl(`${rootCertificate} does not exist`);
  return url;
}

function invalidUrl(reason: string): LongshoreError {
  return new LongshoreError('database_url_invalid', `DATABASE_URL cannot be used: ${reason}.`, {
    hint: 'Use postgres://user:password@host:5432/database and write special characters of the password as %XX.',
  });
}

/** Host, port and database: all of the address that may be shown. */
function describeAddress(text: string): string {
  const url = parseUrl(text);
  const host = url.searchParams.get('host') ?? url.hostname;
  return `${host}:${url.searchParams.get('port') ?? (url.port || '5432')}${url.pathname}`;
}

async function checkServer(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ version: string }>("select current_setting('server_version_num') as version");
  const version = Math.floor(Number(rows[0]?.version) / 10_000);
  if (version >= OLDEST_POSTGRES) return;
  throw new LongshoreError('database_too_old', `The server runs PostgreSQL ${version}.`, {
    hint: `Longshore needs PostgreSQL ${OLDEST_POSTGRES} or later.`,
    details: { found: version, needed: OLDEST_POSTGRES },
  });
}

/** What a failed first contact means, by code alone. */
export function connectionError(error: unknown, address: string): LongshoreError {
  const [code, message, hint] = explain(sqlStateOf(error), error);
  return new LongshoreError(code, `${message} (${address}): ${messageOf(error)}`, { hint, cause: error });
}

function explain(sqlState: string | undefined, error: unknown): readonly [string, string, string] {
  if (sqlState === '28P01' || sqlState === '28000') {
    return ['database_auth_failed', 'The database refused the login', 'Check user and password in DATABASE_URL.'];
  }
  if (sqlState === '3D000') {
    return ['database_missing', 'The server has no such database', 'Create it, or mend the name in DATABASE_URL.'];
  }
  if (isTlsFault(error)) {
    return [
      'database_tls_failed',
      'No safe connection to the database',
      'Set sslmode (disable, require, verify-full) and sslrootcert in DATABASE_URL to what the server offers.',
    ];
  }
  return [
    'database_unreachable',
    'The database cannot be reached',
    'Check that the server runs, and host and port in DATABASE_URL.',
  ];
}

function isTlsFault(error: unknown): boolean {
  // The driver gives this one fault no code.
  if (messageOf(error) === 'The server does not support SSL connections') return true;
  const code = error instanceof Error ? String(Reflect.get(error, 'code') ?? '') : '';
  return /^(ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|CERT_|UNABLE_TO_)/.test(code);
}
