import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseHandle, openDatabase } from '@/lib/db/database.ts';
import { silentLogger } from '@/lib/observability/logger.ts';
import { SOCKET_FILE, SOCKET_PORT } from './child-protocol.ts';
import { EmbeddedServer } from './embedded-server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-embedded-'));
});
afterAll(() => rm(folder, { recursive: true }));

let made = 0;
const freshDataDir = () => {
  made += 1;
  return join(folder, `data-${made}`);
};
/** Kills a process the hard way, and waits until it is gone. */
async function killHard(pid: number | undefined): Promise<void> {
  if (pid === undefined) expect.fail('no process');
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
}
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const ownFile = (name: string) => fileURLToPath(new URL(`../../../tests/support/embedded/${name}`, import.meta.url));

describe('connections to the embedded database', () => {
  let server: EmbeddedServer;
  const clients: pg.Client[] = [];
  beforeAll(async () => {
    server = await EmbeddedServer.start({ dataDir: freshDataDir(), log: silentLogger() });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });
  afterAll(() => server.close());

  function newClient(extra: pg.ClientConfig = {}): pg.Client {
    const client = new pg.Client({
      host: server.host,
      port: SOCKET_PORT,
      user: 'postgres',
      database: 'postgres',
      ...extra,
    });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }
  const connected = async (): Promise<pg.Client> => {
    const client = newClient();
    await client.connect();
    return client;
  };

  test('speak to a durable PostgreSQL', async () => {
    const { rows } = await (await connected()).query("select current_setting('fsync') as fsync, version() as version");
    expect(rows).toEqual([{ fsync: 'on', version: expect.stringMatching(/^PostgreSQL \d+/) }]);
  });

  test('take turns: the second is let in when the first has gone, and finds nothing of it', async () => {
    const first = await connected();
    await first.query("set statement_timeout = '5s'; create temp table mine (id integer); select pg_advisory_lock(1)");
    await first.query({ name: 'prepared', text: 'select 1' });
    await first.query('begin; create table unfinished (id integer)');
    const second = newClient();
    let welcome = false;
    const entering = second.connect().then(() => {
      welcome = true;
    });
    await first.query('select 1');
    expect(welcome).toBe(false);
    await first.end();
    await entering;
    const { rows } = await second.query(`
      select to_regclass('unfinished') as unfinished, to_regclass('mine') as mine,
        current_setting('statement_timeout') as timeout, (select count(*)::int from pg_locks where locktype = 'advisory') as locks,
        (select count(*)::int from pg_prepared_statements) as prepared`);
    expect(rows).toEqual([{ unfinished: null, mine: null, timeout: '0', locks: 0, prepared: 0 }]);
  });

  test('a client that breaks off in the middle of a transaction is rolled back', async () => {
    const first = await connected();
    await first.query('begin; create table half (id integer)');
    // As when its process is killed: the socket closes without a word.
    (first as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    const { rows } = await (await connected()).query("select to_regclass('half') as half");
    expect(rows).toEqual([{ half: null }]);
  });

  test('one that gives up waiting does not block those behind it', async () => {
    const first = await connected();
    const impatient = createConnection(join(server.host, SOCKET_FILE));
    await once(impatient, 'connect');
    impatient.write(Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0]));
    impatient.destroy();
    const third = newClient();
    const entering = third.connect();
    await first.end();
    await entering;
    expect((await third.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('garbage is answered with an error, and the next client served', async () => {
    const socket = createConnection(join(server.host, SOCKET_FILE));
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const answer: Buffer[] = [];
    for await (const chunk of socket) answer.push(chunk);
    expect(Buffer.concat(answer).toString('latin1')).toContain('08P01');
    expect((await (await connected()).query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('encryption is declined, as the socket is private', async () => {
    const encrypted = newClient({ ssl: true });
    await expect(encrypted.connect()).rejects.toThrow(/SSL/);
    const { mode } = await stat(server.host);
    expect(mode & 0o777).toBe(0o700);
  });

  test('an error ends its statement and not the session; large values pass both ways', async () => {
    const client = await connected();
    await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
    const text = 'ä'.repeat(3_000_000);
    const { rows } = await client.query('select $1::text as text, length($1) as length', [text]);
    expect(rows[0].length).toBe(3_000_000);
    expect(rows[0].text === text).toBe(true);
  });
});

describe('the embedded database', () => {
  let dataDir: string;
  let handle: DatabaseHandle | undefined;
  beforeEach(() => {
    dataDir = freshDataDir();
  });
  afterEach(async () => {
    await handle?.close();
    handle = undefined;
  });
  const open = async (): Promise<DatabaseHandle> => {
    handle = await openDatabase({ dataDir, serverUrl: 'http://127.0.0.1:3000' });
    return handle;
  };
  const addUser = (to: DatabaseHandle, id: string) =>
    to.db.execute(sql`insert into longshore.users (id, name) values (${id}, ${id})`);
  const userIds = async (of: DatabaseHandle) => {
    const { rows } = await of.db.execute<{ id: string }>(sql`select id from longshore.users`);
    return rows.map((row) => row.id);
  };

  test('keeps what was written when it is closed and opened again', async () => {
    const first = await open();
    await addUser(first, 'ada');
    await first.close();
    await first.close();
    expect(existsSync(join(dataDir, 'socket', SOCKET_FILE))).toBe(false);
    expect(await userIds(await open())).toEqual(['ada']);
  });

  test('a second process on the same data is refused, and told by whom it is used', async () => {
    await open();
    // This very process holds it, and so counts as dead: without the zero the lock would be waited for.
    const second = EmbeddedServer.start({ dataDir, log: silentLogger(), lockWaitMs: 0 });
    await expect(second).rejects.toMatchObject({
      code: 'data_dir_locked',
      details: { pid: process.pid, url: 'http://127.0.0.1:3000' },
    });
  });

  test('a start that was cut short while copying leaves nothing that is taken for a database', async () => {
    await mkdir(join(dataDir, 'postgres.new', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.new', 'PG_VERSION'), '18\n');
    await addUser(await open(), 'ada');
    expect(existsSync(join(dataDir, 'postgres.new'))).toBe(false);
  });

  test('data of another major version is refused with the way out', async () => {
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '12\n');
    await expect(open()).rejects.toMatchObject({
      code: 'embedded_version_mismatch',
      hint: expect.stringContaining('backup'),
    });
  });

  test('works where the path of the data is longer than a socket may be named', async () => {
    dataDir = join(dataDir, 'deep'.repeat(40));
    const opened = await open();
    await addUser(opened, 'ada');
    expect(await userIds(opened)).toEqual(['ada']);
  });

  test('killed while it writes, it comes back by itself with everything that was acknowledged', async () => {
    const opened = await open();
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const ids = Array.from({ length: 40 }, (_, i) => `${round}-${i}`);
      const writes = ids.map((id) => addUser(opened, id).then(() => acknowledged.push(id)));
      const settled = Promise.allSettled(writes);
      await writes[10 * round];
      await killHard(opened.processId);
      const outcomes = await settled;
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason.code);
      expect(new Set([...refused, 'database_unavailable'])).toEqual(new Set(['database_unavailable']));
    }
    expect(await userIds(opened)).toEqual(expect.arrayContaining(acknowledged));
    expect(acknowledged.length).toBeGreaterThan(30);
  });

  test('that ends again and again stays down and says so', async () => {
    const opened = await open();
    for (let round = 0; round < 4; round += 1) {
      await opened.ping().catch(() => undefined);
      await killHard(opened.processId);
    }
    expect(await opened.failed).toMatchObject({ code: 'embedded_database_failed' });
    await expect(opened.ping()).rejects.toMatchObject({ code: 'embedded_database_failed' });
  });

  test('ends with the process that started it, and the next start takes over what that wrote', async () => {
    const parent = spawn(process.execPath, ['--import', 'tsx', ownFile('writer.ts'), dataDir], { stdio: 'pipe' });
    const lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
    await lines.next();
    const acknowledged = [(await lines.next()).value, (await lines.next()).value, (await lines.next()).value];
    await killHard(parent.pid);
    // To open is to have the lock, which its process held until the end.
    expect(await userIds(await open())).toEqual(expect.arrayContaining(acknowledged));
  });

  test('ends when a commit cannot reach the disk, rather than run on with a state that nobody knows', async () => {
    const args = ['--import', 'tsx', ownFile('broken-disk.ts'), dataDir];
    const engine = spawn(process.execPath, args, { stdio: 'pipe' });
    const [output, errors] = [engine.stdout.toArray(), engine.stderr.toArray()];
    const [code] = await once(engine, 'exit');
    expect(Buffer.concat(await errors).toString()).toMatch(/PANIC: {2}could not fsync/);
    expect(Buffer.concat(await output).toString()).toBe('fsyncs of the log before the answer: 1\n');
    expect(code).toBe(70);
  });
});
