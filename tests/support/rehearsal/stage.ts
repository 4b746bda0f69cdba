import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { entryPoint } from '@/lib/config/entry-points.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { createStorageService } from '@/lib/storage/storage-factory.ts';
import { bufferBody } from '@/lib/streams/replayable-body.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { signJwt } from '@/sandbox/supabase/jwt.ts';
import { type SupabaseSandbox, startSupabaseSandbox } from '@/sandbox/supabase/start-supabase-sandbox.ts';
import { createOldTable, OldApplication } from '@/tests/support/old-application.ts';
import { startTestPostgres } from '@/tests/support/postgres.ts';
import { supabaseClientFor } from '@/tests/support/sandbox-clients.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

/** The Supabase project of the old application, an S3 account, and servers of Longshore between them. */
export interface Stage {
  supabase: SupabaseSandbox;
  s3: S3Sandbox;
  pool: pg.Pool;
  old: OldApplication;
  servers: Servers;
  putS3(key: string, bytes: Uint8Array): Promise<void>;
  /** Runs the command line in a process of its own; killed with -9 after `killAfterMs`. Resolves with the exit code. */
  longshore(args: string[], killAfterMs?: number): Promise<{ code: number | null; output: string }>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-rehearsal-'));
  const supabase = await startSupabaseSandbox();
  const s3 = await startS3Sandbox();
  const postgres = await startTestPostgres();
  const url = await postgres.createDatabase({ empty: true });
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  await createOldTable(pool, { idType: 'uuid', timeType: 'timestamptz' });
  const bucket = bucketOf(s3);
  const env = environment(url, supabase, s3);
  const servers = new Servers(env, folder, supabase.jwtSecret);
  return {
    ...{ supabase, s3, pool, servers },
    old: new OldApplication(pool, supabaseClientFor(supabase)),
    putS3: async (key, bytes) => void (await bucket.service.put(key, bufferBody(bytes))),
    longshore: (args, killAfterMs) => runCommand(args, { ...env, DATA_DIR: join(folder, 'cli') }, killAfterMs),
    close: async () => {
      await servers.stop();
      bucket.close();
      await pool.end();
      await Promise.all([postgres.stop(), supabase.close(), s3.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function bucketOf({ url: endpoint, bucket, region, accessKeyId, secretAccessKey }: S3Sandbox) {
  const guard = new EndpointGuard({ allowPrivateEndpoints: true });
  const credentials = { accessKeyId, secretAccessKey };
  const service = createStorageService('s3', { bucket, region, endpoint, credentials }, { guard });
  return { service, close: () => guard.close() };
}

function environment(databaseUrl: string, supabase: SupabaseSandbox, s3: S3Sandbox): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    ENCRYPTION_KEY: 'ab'.repeat(32),
    SUPABASE_URL: supabase.url,
    SUPABASE_SERVICE_ROLE_KEY: supabase.serviceRoleKey,
    SUPABASE_JWT_SECRET: supabase.jwtSecret,
    AUTH_MODE: 'supabase',
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    ALLOW_PRIVATE_ENDPOINTS: 'true',
    ADOPT_BYTES_PER_SECOND: '1GiB',
    LOG_LEVEL: 'warn',
  };
}

async function runCommand(args: string[], env: Record<string, string>, killAfterMs: number | undefined) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [fileURLToPath(entryPoint('cli/main')), ...args], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, output };
}

/** Two processes on one database. Each keeps its data directory over kills. */
export class Servers {
  readonly #env: Record<string, string>;
  readonly #folder: string;
  readonly #jwtSecret: string;
  readonly #running: (TestServer | undefined)[] = [undefined, undefined];

  constructor(env: Record<string, string>, folder: string, jwtSecret: string) {
    this.#env = env;
    this.#folder = folder;
    this.#jwtSecret = jwtSecret;
  }

  async start(): Promise<void> {
    // One after the other: the first one migrates the database.
    for (const at of this.#running.keys()) await this.#start(at);
  }

  async #start(at: number): Promise<void> {
    this.#running[at] = await startServer({ ...this.#env, DATA_DIR: join(this.#folder, `server-${at}`) });
  }

  /** Kills one with -9, and starts it again where it was. */
  async kill(at: number): Promise<void> {
    const server = this.#running[at];
    this.#running[at] = undefined;
    await server?.kill9();
    await this.#start(at);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((server) => server?.stop()));
    this.#running.fill(undefined);
  }

  /** As this user, on any server that runs. Rejects with a TypeError when that one is killed meanwhile. */
  async fetch(userId: string, path: string, init: RequestInit = {}): Promise<Response> {
    const server = this.#running.find((each) => each !== undefined);
    if (server === undefined) throw new TypeError('no server runs');
    const headers = { ...init.headers, authorization: `Bearer ${this.#token(userId)}` };
    return server.fetch(path, { ...init, headers });
  }

  /** As an admin; asked again until a server answers. */
  async admin<T>(path: string, json?: unknown): Promise<T> {
    const init = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
    for (;;) {
      try {
        const headers = { 'content-type': 'application/json' };
        const response = await this.fetch(ADMIN, path, { ...init, headers });
        const text = await response.text();
        if (response.ok) return JSON.parse(text) as T;
        if (response.status < 500) throw new Error(`${path}: ${response.status} ${text}`);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #token(userId: string): string {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const role = userId === ADMIN ? 'admin' : 'member';
    const claims = {
      sub: userId,
      role: 'authenticated',
      aud: 'authenticated',
      exp,
      app_metadata: { longshore_role: role },
    };
    return signJwt(claims, this.#jwtSecret);
  }
}

export const ADMIN = '00000000-0000-4000-8000-000000000001';
