import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, runServer, type ServerOptions } from '@/sandbox/running-server.ts';
import { signJwt } from './jwt.ts';
import type { BucketRow } from './object-rows.ts';
import { SupabaseApp } from './supabase-app.ts';
import type { SupabaseEnvironment } from './supabase-call.ts';
import { SupabaseObjects } from './supabase-objects.ts';
import { SupabaseStore } from './supabase-store.ts';
import { TusEndpoint } from './tus-endpoint.ts';
import { TusStore } from './tus-store.ts';

export interface SupabaseSandboxOptions extends ServerOptions {
  /** Kept on close, and found again when opened again. Default: a temporary directory, removed on close. */
  dir?: string;
  /** Created at start when absent, private. Default `training-datasets`. */
  bucket?: string;
  bucketSettings?: Partial<Pick<BucketRow, 'public' | 'file_size_limit' | 'allowed_mime_types'>>;
  /** Default: random. */
  jwtSecret?: string;
  /** Of any object. Default 5 GB; the Free plan has 50 MB. */
  fileSizeLimit?: number;
  /** How long upload URLs live. Default one hour, as when self-hosted; hosted Supabase has 24 h. */
  uploadExpiryMs?: number;
  backend?: SupabaseEnvironment['backend'];
  /** Milliseconds since the epoch: for signed URLs and tokens. The age of uploads goes by the real clock. */
  now?: () => number;
}

/** Its `url` is what SUPABASE_URL would be. */
export interface SupabaseSandbox extends RunningServer {
  readonly bucket: string;
  readonly serviceRoleKey: string;
  readonly anonKey: string;
  readonly jwtSecret: string;
  readonly objects: SupabaseObjects;
  createBucket(id: string, settings?: SupabaseSandboxOptions['bucketSettings']): void;
}

const TEN_YEARS_SECONDS = 10 * 365 * 86_400;

/** A Supabase Storage server on loopback: REST, TUS and signed URLs, with the real one's statuses and habits. */
export async function startSupabaseSandbox(options: SupabaseSandboxOptions = {}): Promise<SupabaseSandbox> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'supabase-sandbox-')));
  const [store, now] = [new SupabaseStore(dir), options.now ?? Date.now];
  await store.open();
  const uploads = new TusStore(join(dir, 'uploads'), store.files, options.uploadExpiryMs ?? 3_600_000);
  await uploads.open();
  await store.sweep(uploads.segments());
  const jwtSecret = options.jwtSecret ?? randomBytes(32).toString('hex');
  const bucket = options.bucket ?? 'training-datasets';
  const objects = new SupabaseObjects(store, uploads, bucket);
  const environment = environmentOf(options, { store, jwtSecret, now });
  const app = new SupabaseApp(environment, {
    tus: new TusEndpoint(environment, uploads),
    admin: (request) => objects.admin(request),
  });
  const createBucket = bucketCreator(store, now);
  if (store.bucket(bucket) === undefined) createBucket(bucket, options.bucketSettings);
  const server = await runServer(app, options, async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  });
  return { ...server, bucket, ...keysFor(jwtSecret, now()), objects, createBucket };
}

function environmentOf(
  options: SupabaseSandboxOptions,
  parts: Pick<SupabaseEnvironment, 'store' | 'jwtSecret' | 'now'>,
): SupabaseEnvironment {
  return { ...parts, fileSizeLimit: options.fileSizeLimit ?? 5e9, backend: options.backend ?? 'file' };
}

function keysFor(jwtSecret: string, now: number) {
  const iat = Math.floor(now / 1000);
  const key = (role: string) => signJwt({ role, iss: 'supabase', iat, exp: iat + TEN_YEARS_SECONDS }, jwtSecret);
  return { jwtSecret, serviceRoleKey: key('service_role'), anonKey: key('anon') };
}

function bucketCreator(store: SupabaseStore, now: () => number): SupabaseSandbox['createBucket'] {
  return (id, settings = {}) => {
    const date = new Date(now()).toISOString();
    const defaults = { public: false, file_size_limit: null, allowed_mime_types: null };
    store.saveBucket({ ...defaults, ...settings, id, name: id, owner: '', created_at: date, updated_at: date });
  };
}
