import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startOwnPostgres, type TestPostgres } from '@/tests/support/postgres.ts';
import { type DatabaseHandle, openDatabase } from './database.ts';
import { welcome } from './embedded/backend-messages.ts';
import { FrontendMessages } from './embedded/frontend-messages.ts';
import { connectionError, poolConfig } from './postgres.ts';

let cluster: TestPostgres;
const handles: DatabaseHandle[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  cluster = await startOwnPostgres();
});
afterEach(async () => {
  await Promise.all(handles.splice(0).map((handle) => handle.close()));
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => cluster.stop());

async function open(url: string, extra: object = {}): Promise<DatabaseHandle> {
  const handle = await openDatabase({ url, ...extra });
  handles.push(handle);
  return handle;
}

/** Something else than PostgreSQL on a port. */
async function listen(serve: (socket: Socket) => void): Promise<string> {
  const server = createServer(serve).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? `postgres://u:secret-word@127.0.0.1:${address.port}/db` : '';
}

describe('what is wrong with DATABASE_URL is told', () => {
  const failure = async (url: string, extra: object = {}) => {
    const error = await open(url, extra).catch((caught: unknown) => caught);
    expect(JSON.stringify(error) + String(error)).not.toContain('secret-word');
    return error;
  };

  test('nobody listens there', async () => {
    const url = await listen(() => undefined);
    servers.splice(0).map((server) => server.close());
    expect(await failure(url)).toMatchObject({ code: 'database_unreachable', hint: expect.stringContaining('port') });
  });

  test('no such host', async () => {
    expect(await failure('postgres://u:secret-word@nowhere.invalid/db')).toMatchObject({
      code: 'database_unreachable',
    });
  });

  test('something listens and never answers', async () => {
    const url = await listen(() => undefined);
    expect(await failure(url, { connectTimeoutMs: 200 })).toMatchObject({ code: 'database_unreachable' });
  });

  test('the database does not exist', async () => {
    expect(await failure(cluster.url('no_such_database'))).toMatchObject({ code: 'database_missing' });
  });

  test('the user does not exist', async () => {
    const url = cluster.url().replace('longshore@', 'nobody:secret-word@');
    expect(await failure(url)).toMatchObject({ code: 'database_auth_failed' });
  });

  test('the password is wrong', () => {
    const refused = Object.assign(new Error('password authentication failed'), { code: '28P01' });
    expect(connectionError(refused, 'h:1/d')).toMatchObject({ code: 'database_auth_failed' });
  });

  test('the user may not make tables', async () => {
    const url = await cluster.createDatabase({ empty: true });
    const owner = await openDatabase({ url: await cluster.createDatabase() });
    await owner.db.execute(sql`create role guest login`);
    await owner.close();
    expect(await failure(url.replace('longshore@', 'guest@'))).toMatchObject({ code: 'database_permission_denied' });
  });

  test('the server speaks no TLS where TLS was asked for', async () => {
    expect(await failure(`${cluster.url()}?sslmode=require`)).toMatchObject({ code: 'database_tls_failed' });
  });

  test('the server is too old', async () => {
    const url = await listen((socket) => {
      const messages = new FrontendMessages();
      socket.on('data', (chunk) => {
        for (const event of messages.push(chunk)) {
          if (event.type === 'startup') socket.write(welcome('11.22'));
          if (event.type === 'batch') socket.write(oneRow('version', '110022'));
        }
      });
    });
    expect(await failure(url)).toMatchObject({ code: 'database_too_old', details: { found: 11 } });
  });

  test.each(['mysql://h/d', 'not a url', `postgres://h/d?sslrootcert=/no/such/file`])(
    'it cannot be used: %s',
    async (url) => {
      expect(await failure(url)).toMatchObject({ code: 'database_url_invalid' });
    },
  );
});

/** What a server answers to a simple query with one row of one text. */
function oneRow(name: string, value: string): Buffer {
  const framed = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const column = Buffer.concat([Buffer.from([0, 1]), Buffer.from(`${name}\0`), Buffer.alloc(18)]);
  column.writeInt32BE(25, column.length - 12);
  const length = Buffer.alloc(4);
  length.writeInt32BE(value.length);
  return Buffer.concat([
    framed('T', column),
    framed('D', Buffer.concat([Buffer.from([0, 1]), length, Buffer.from(value)])),
    framed('C', Buffer.from('SELECT 1\0')),
    framed('Z', Buffer.from('I')),
  ]);
}

describe('on a PostgreSQL server', () => {
  test('a statement that takes too long is cancelled', async () => {
    const { db } = await open(await cluster.createDatabase(), { statementTimeoutMs: 100 });
    await expect(db.execute(sql`select pg_sleep(20)`)).rejects.toMatchObject({ sqlState: '57014' });
  });

  test('a pool that is used up makes callers wait, and then says so', async () => {
    const { db } = await open(await cluster.createDatabase(), { poolSize: 1, connectTimeoutMs: 300 });
    let release: () => void = () => undefined;
    const holding = db.transaction(() => new Promise<void>((resolve) => (release = resolve)));
    await expect(db.execute(sql`select 1`)).rejects.toMatchObject({ code: 'database_unavailable' });
    release();
    await holding;
    await db.execute(sql`select 1`);
  });

  test('a server that restarts is found again, and a transaction that it broke is not half done', async () => {
    const { db, ping } = await open(await cluster.createDatabase());
    const broken = db.transaction(async (tx) => {
      await tx.execute(sql`insert into longshore.users (id, name) values ('half', 'half')`);
      await cluster.restart();
      await tx.execute(sql`insert into longshore.users (id, name) values ('other', 'other')`);
    });
    await expect(broken).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect
      .poll(
        () =>
          ping().then(
            () => 'up',
            (error) => error.code,
          ),
        { timeout: 20_000 },
      )
      .toBe('up');
    expect((await db.execute(sql`select id from longshore.users`)).rows).toEqual([]);
  });
});

describe('how the driver is told', () => {
  test('statement_timeout is a start-up setting, except through a transaction pooler, which would refuse it', () => {
    const direct = poolConfig({ url: 'postgres://u@db.project.supabase.co:5432/postgres', statementTimeoutMs: 7 });
    expect(direct).toMatchObject({ statement_timeout: 7 });
    for (const url of ['postgres://u@aws-0-eu.pooler.supabase.com:6543/postgres', 'postgres://u@h/d?pgbouncer=true']) {
      const pooled = poolConfig({ url, statementTimeoutMs: 7 });
      expect(pooled).toMatchObject({ query_timeout: 7 });
      expect(pooled).not.toHaveProperty('statement_timeout');
    }
  });
});
