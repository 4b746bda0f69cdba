import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { sql } from 'drizzle-orm';
import { openDatabase } from '@/lib/db/database.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { type SupabaseSandbox, startSupabaseSandbox } from '@/sandbox/supabase/start-supabase-sandbox.ts';
import { startTestPostgres } from '@/tests/support/postgres.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';
import type { Round, World } from './process-plan.ts';

/** Real servers over sandbox stores, each on a data directory of its own that outlives its kills. */
export class ProcessWorld {
  readonly s3: S3Sandbox;
  readonly supabase: SupabaseSandbox | undefined;
  readonly servers: TestServer[] = [];
  readonly #folder: string;
  readonly #env: Record<string, string>;
  readonly #release: () => Promise<void>;
  #key = '';

  private constructor(parts: {
    s3: S3Sandbox;
    supabase: SupabaseSandbox | undefined;
    folder: string;
    env: Record<string, string>;
    release: () => Promise<void>;
  }) {
    this.s3 = parts.s3;
    this.supabase = parts.supabase;
    this.#folder = parts.folder;
    this.#env = parts.env;
    this.#release = parts.release;
  }

  static async open(world: World, faultSeed: number): Promise<ProcessWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-faults-'));
    const s3 = await startS3Sandbox({ faultSeed });
    const common = {
      S3_BUCKET: s3.bucket,
      AWS_REGION: s3.region,
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      LOG_LEVEL: 'warn',
    };
    if (world === 'one process, embedded database') {
      const release = () => s3.close();
      const alone = new ProcessWorld({ s3, supabase: undefined, folder, env: common, release });
      await alone.#startAll(1);
      return alone;
    }
    const supabase = await startSupabaseSandbox({ faultSeed });
    const postgres = await startTestPostgres();
    const env = {
      ...common,
      DATABASE_URL: await postgres.createDatabase(),
      ENCRYPTION_KEY: 'ab'.repeat(32),
      SUPABASE_URL: supabase.url,
      SUPABASE_SERVICE_ROLE_KEY: supabase.serviceRoleKey,
      SUPABASE_STORAGE_BUCKET: supabase.bucket,
    };
    const release = async () => void (await Promise.all([s3.close(), supabase.close(), postgres.stop()]));
    const pair = new ProcessWorld({ s3, supabase, folder, env, release });
    await pair.#startAll(2);
    return pair;
  }

  /** Signed in as the admin, whichever server made its key. */
  fetch(server: number, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${this.#key}`);
    return this.#server(server).fetch(path, { ...init, headers });
  }

  misbehave({ s3, base }: Round): void {
    for (const rule of s3) this.s3.faults.add(rule);
    for (const rule of base) this.supabase?.faults.add(rule);
  }

  heal(): void {
    this.s3.faults.clear();
    this.supabase?.faults.clear();
  }

  async kill(server: number): Promise<void> {
    await this.#server(server).kill9();
  }

  /** The next process on the same data. */
  async restart(server: number): Promise<void> {
    const index = server % this.servers.length;
    this.servers[index] = await startServer({ ...this.#env, DATA_DIR: this.#dataDir(index) });
  }

  /** The keys of everything that lies in each store, whoever knows of it. */
  async contents(): Promise<{ s3: string[]; base: string[] }> {
    return { s3: this.s3.objects.keys(), base: this.supabase?.objects.keys() ?? (await this.#filedKeys()) };
  }

  /**
   * The keys that any row names: a copy, or a deletion whose late looks are still to come. Every server is stopped first,
   * so that nothing moves and the embedded database can be opened.
   */
  async keysInRows(): Promise<Set<string>> {
    await Promise.all(this.servers.map((server) => server.stop()));
    const url = this.#env.DATABASE_URL;
    const database = await openDatabase(url === undefined ? { dataDir: this.#dataDir(0) } : { url });
    try {
      const { rows } = await database.db.execute<{ key: string }>(sql`
        select object_key as key from longshore.dataset_replicas
        union select object_key from longshore.tombstones where done_at is null`);
      return new Set(rows.map(({ key }) => key));
    } finally {
      await database.close();
    }
  }

  /** Of the store on disk: an object is there exactly when its record is. */
  async #filedKeys(): Promise<string[]> {
    const root = join(this.#dataDir(0), 'objects');
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const records = entries.filter((entry) => entry.isFile() && /[^/]~\.json$/.test(entry.name));
    return records.map((entry) => relative(root, join(entry.parentPath, entry.name)).replace(/~\.json$/, ''));
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.#release();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #startAll(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      this.servers.push(await startServer({ ...this.#env, DATA_DIR: this.#dataDir(index) }));
    }
    this.#key = this.servers[0]?.adminKey ?? '';
  }

  #server(index: number): TestServer {
    const server = this.servers[index % this.servers.length];
    if (server === undefined) throw new Error('the world has no server');
    return server;
  }

  #dataDir(index: number): string {
    return join(this.#folder, `host-${index}`);
  }
}
