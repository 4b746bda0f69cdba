import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Application, composeApplication } from '@/lib/composition.ts';
import { type Environment, readConfig } from '@/lib/config/config.ts';
import type { RouteHandler } from '@/lib/http/endpoint.ts';
import { runWithApplication } from '@/lib/http/request-scope.ts';
import { startTestPostgres } from './postgres.ts';
import { rememberSecretsIn, rememberSecretsOf } from './traces.ts';

export interface TestApplication {
  /** Valid inside tests and hooks. */
  readonly app: Application;
  readonly adminKey: string;
  readonly dataDir: string;
  /** Calls a route handler without a server, as this key's owner. */
  call(handler: RouteHandler, request: TestRequest): Promise<Response>;
}

export interface TestRequest {
  method?: string;
  /** `/api/keys?limit=1` */
  path: string;
  params?: Record<string, string | string[]>;
  /** Default: the admin's. `null`: none. */
  key?: string | null;
  headers?: Record<string, string>;
  json?: unknown;
  body?: RequestInit['body'];
}

/** The whole application over a throw-away PostgreSQL, for tests that call handlers and parts without a server. */
export function testApplication(env: Environment = {}): TestApplication {
  let opened: Awaited<ReturnType<typeof open>> | undefined;
  const current = () => {
    if (opened === undefined) throw new Error('The application is there inside tests and hooks only');
    return opened;
  };
  beforeAll(async () => {
    opened = await open(env);
  });
  afterAll(() => opened?.release());
  return {
    get app() {
      return current().app;
    },
    get adminKey() {
      return current().adminKey;
    },
    get dataDir() {
      return current().dataDir;
    },
    call: (handler, request) => {
      const { app, adminKey } = current();
      const context = { params: Promise.resolve(request.params ?? {}) };
      return runWithApplication(app, () => handler(toRequest(request, adminKey), context));
    },
  };
}

async function open(env: Environment) {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-app-'));
  const postgres = await startTestPostgres();
  const DATABASE_URL = await postgres.createDatabase();
  const own = { DATABASE_URL, DATA_DIR: dataDir, ENCRYPTION_KEY: 'ab'.repeat(32), LOG_LEVEL: 'silent' };
  rememberSecretsOf({ ...own, ...env });
  const app = await composeApplication(readConfig({ ...own, ...env }), new URL('http://localhost:3000'));
  const adminKey = (await readFile(join(dataDir, 'admin-key'), 'utf8').catch(() => '')).trim();
  const release = async () => {
    await app.close();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  };
  return { app, adminKey, dataDir, release };
}

function toRequest(wanted: TestRequest, adminKey: string): Request {
  const headers = new Headers(wanted.headers);
  const key = wanted.key === undefined ? adminKey : wanted.key;
  if (key !== null && !headers.has('cookie')) headers.set('authorization', `Bearer ${key}`);
  if (wanted.json !== undefined) headers.set('content-type', 'application/json');
  const body = wanted.json === undefined ? wanted.body : JSON.stringify(wanted.json);
  rememberSecretsIn(body);
  const init = { method: wanted.method ?? 'GET', headers, ...(body === undefined ? {} : { body, duplex: 'half' }) };
  return new Request(new URL(wanted.path, 'http://localhost:3000'), init as RequestInit);
}
