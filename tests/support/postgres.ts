/**
 * Throw-away PostgreSQL servers for tests: a real cluster in a temporary folder, reached on a loopback port, without
 * fsync. A shell stands between this process and the server and waits on its standard input: when this process ends, in
 * whatever way, the shell stops the server and removes the folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { migrate } from '@/lib/db/migrator.ts';
import { databaseOver } from '@/lib/db/session.ts';
import { keepTrace } from './traces.ts';

const run = promisify(execFile);

export interface TestDatabases {
  /** Address of the maintenance database; `url(name)` of another one. */
  url(database?: string): string;
  /** A new database, with Longshore's tables unless `empty`. Returns its address. */
  createDatabase(options?: { empty?: boolean }): Promise<string>;
  /** Of the databases made here. */
  stop(): Promise<void>;
}

export interface TestPostgres extends TestDatabases {
  /** Kills the server and starts it again on the same data. What was committed is still there. */
  restart(): Promise<void>;
}

const KEEPER = `
folder=$1; bin=$2; port=$3
"$bin/postgres" -D "$folder/data" -h 127.0.0.1 -p "$port" -k "$folder" -c fsync=off -c full_page_writes=off \\
  -c shared_buffers=16MB -c max_connections=100 -c autovacuum=off >"$folder/log" 2>&1 &
server=$!
read -r order
kill -QUIT $server; wait $server
[ "$order" = keep ] || rm -rf "$folder"
`;

/** Where the run's own server listens: test files share it, each in databases of its own. */
const SHARED_PORT = 'LONGSHORE_TEST_POSTGRES_PORT';

/** Databases on the server of this run, which the global setup started; elsewhere on a server of their own. */
export async function startTestPostgres(): Promise<TestDatabases> {
  const port = Number(process.env[SHARED_PORT]);
  return port > 0 ? new SharedDatabases(port) : startOwnPostgres();
}

/** For the global setup: the server that startTestPostgres finds, with the template that databases are copied from. */
export async function shareTestPostgres(): Promise<TestPostgres> {
  const { cluster, port } = await startCluster();
  await cluster.makeTemplate();
  process.env[SHARED_PORT] = String(port);
  return cluster;
}

/** A server that may be stopped and killed. Call `stop` in afterAll; a forgotten one ends with the process. */
export async function startOwnPostgres(): Promise<TestPostgres> {
  return (await startCluster()).cluster;
}

async function startCluster(): Promise<{ cluster: Cluster; port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-pg-'));
  const user = await unprivileged();
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  const settings = ['-U', 'longshore', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C'];
  await run(join(binaries(), 'initdb'), ['-D', join(folder, 'data'), ...settings], { ...user, cwd: folder });
  const port = await freePort();
  const cluster = new Cluster(folder, port);
  await cluster.start();
  return { cluster, port };
}

class SharedDatabases implements TestDatabases {
  readonly #port: number;
  readonly #names: string[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  url(database = 'postgres'): string {
    return addressOf(this.#port, database);
  }

  async createDatabase(options: { empty?: boolean } = {}): Promise<string> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    this.#names.push(name);
    await administer(this.url(), createStatement(name, options));
    return this.url(name);
  }

  /** What the tests left is kept for the search at the end of the run. */
  async stop(): Promise<void> {
    for (const name of this.#names) {
      const options = ['-d', this.url(name), '--data-only', '--inserts'];
      const { stdout } = await run(join(binaries(), 'pg_dump'), options, { maxBuffer: 1024 ** 3 });
      keepTrace('postgres', stdout);
      await administer(this.url(), `drop database ${name} with (force)`);
    }
  }
}

function addressOf(port: number, database: string): string {
  return `postgres://longshore@127.0.0.1:${port}/${database}`;
}

function createStatement(name: string, { empty = false }: { empty?: boolean }): string {
  return empty ? `create database ${name}` : `create database ${name} template ${TEMPLATE} strategy file_copy`;
}

const TEMPLATE = 'longshore_template';

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

class Cluster implements TestPostgres {
  readonly #folder: string;
  readonly #port: number;
  #keeper: ChildProcess | undefined;
  #databases = 0;
  #template: Promise<void> | undefined;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  url(database = 'postgres'): string {
    return addressOf(this.#port, database);
  }

  async start(): Promise<void> {
    this.#keeper = spawn('/bin/sh', ['-c', KEEPER, 'keeper', this.#folder, binaries(), String(this.#port)], {
      ...(await unprivileged()),
      stdio: ['pipe', 'ignore', 'inherit'],
      // A group of its own: what ends this process and its group must leave the shell to clear up.
      detached: true,
    });
    await this.#untilReady(this.#keeper);
  }

  async createDatabase(options: { empty?: boolean } = {}): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    if (!options.empty) await this.makeTemplate();
    await administer(this.url(), createStatement(name, options));
    return this.url(name);
  }

  async restart(): Promise<void> {
    await this.#end('keep\n');
    await this.start();
  }

  async stop(): Promise<void> {
    if (this.#keeper !== undefined) await this.#keepDump();
    await this.#end('');
  }

  /** The rows that the tests of this cluster left, for the search at the end of the run. */
  async #keepDump(): Promise<void> {
    const dump = join(binaries(), 'pg_dumpall');
    const options = ['-d', this.url(), '--data-only', '--inserts', `--exclude-database=${TEMPLATE}`];
    const { stdout } = await run(dump, options, { maxBuffer: 1024 ** 3 });
    keepTrace('postgres', stdout);
  }

  async #end(order: string): Promise<void> {
    const keeper = this.#keeper;
    if (!keeper?.stdin) return;
    this.#keeper = undefined;
    const exited = once(keeper, 'exit');
    keeper.stdin.end(order);
    await exited;
  }

  makeTemplate(): Promise<void> {
    this.#template ??= this.#migrateTemplate();
    return this.#template;
  }

  async #migrateTemplate(): Promise<void> {
    await administer(this.url(), `create database ${TEMPLATE}`);
    const pool = new pg.Pool({ connectionString: this.url(TEMPLATE), max: 1 });
    await migrate(databaseOver(pool));
    await pool.end();
  }

  /** Polls the server itself: there is no other way to learn that it accepts connections. */
  async #untilReady(keeper: ChildProcess): Promise<void> {
    const giveUpAt = Date.now() + 30_000;
    for (;;) {
      try {
        await administer(this.url(), 'select 1');
        return;
      } catch (error) {
        if (keeper.exitCode !== null || Date.now() > giveUpAt) {
          throw new Error(`PostgreSQL did not start:\n${await readFile(join(this.#folder, 'log'), 'utf8')}`, {
            cause: error,
          });
        }
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }
}

/** PostgreSQL refuses to run as root: there it runs as user `postgres`, who comes with the package. */
async function unprivileged(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const passwd = await readFile('/etc/passwd', 'utf8');
  const fields = passwd
    .split('\n')
    .find((line) => line.startsWith('postgres:'))
    ?.split(':');
  if (!fields) throw new Error('Tests with PostgreSQL, run as root, need the user "postgres" of the Debian package');
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

let found: string | undefined;

/** Debian keeps the server's binaries off the PATH, one folder a version; the newest is taken. */
function binaries(): string {
  found ??= candidates().find((folder) => existsSync(join(folder, 'initdb')));
  if (found === undefined) throw new Error('Tests need a PostgreSQL server: apt-get install postgresql');
  return found;
}

function candidates(): string[] {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(':')];
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
