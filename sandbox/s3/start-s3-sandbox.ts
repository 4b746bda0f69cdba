import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, runServer, type ServerOptions } from '@/sandbox/running-server.ts';
import { ALL_BLOCKED } from './bucket-handlers.ts';
import { DEFAULT_ACCOUNT, Identities, type SandboxRole, type SandboxUser } from './identities.ts';
import { AWS, type S3Quirks, STORES_LIKE, type StoreLike } from './quirks.ts';
import { S3App } from './s3-app.ts';
import type { S3Limits } from './s3-call.ts';
import { S3Objects } from './s3-objects.ts';
import { S3Store } from './s3-store.ts';

export interface S3SandboxOptions extends ServerOptions {
  /** Kept on close, and found again when opened again. Default: a temporary directory, removed on close. */
  dir?: string;
  /** Of the endpoint and of the default bucket. Default us-east-1. */
  region?: string;
  /** Created at start when absent. Default `sandbox-bucket`. */
  bucket?: string;
  /** The first user, who may do everything. Default: fixed id, random secret. */
  accessKeyId?: string;
  secretAccessKey?: string;
  users?: SandboxUser[];
  roles?: SandboxRole[];
  limits?: Partial<S3Limits>;
  /** Behave like a store that is not AWS; `quirks` changes single habits of it. */
  like?: StoreLike;
  quirks?: Partial<S3Quirks>;
  /** Milliseconds since the epoch: shift it to test skew and expiry. */
  now?: () => number;
}

export interface S3Sandbox extends RunningServer {
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly objects: S3Objects;
  readonly identities: Identities;
  createBucket(name: string, options?: { region?: string; versioning?: boolean; accountId?: string }): Promise<void>;
  /** Undefined: there is no such bucket. */
  bucketRegion(name: string): string | undefined;
}

const DEFAULT_LIMITS: S3Limits = { minPartBytes: 5 * 1024 ** 2, maxPutBytes: 5 * 1024 ** 3 };

/** An S3 and STS server on loopback. Every request is held to its signature, checksums and permissions. */
export async function startS3Sandbox(options: S3SandboxOptions = {}): Promise<S3Sandbox> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 's3-sandbox-')));
  const store = new S3Store(dir);
  await store.open();
  const owner = ownerOf(options);
  const identities = new Identities([owner, ...(options.users ?? [])], options.roles ?? []);
  const [region, bucket] = [options.region ?? 'us-east-1', options.bucket ?? 'sandbox-bucket'];
  const objects = new S3Objects(store, bucket);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const quirks = { ...AWS, ...STORES_LIKE[options.like ?? 'aws'], ...options.quirks };
  const environment = { store, identities, now: options.now ?? Date.now, region, limits, quirks };
  const app = new S3App(environment, (request) => objects.admin(request));
  const createBucket = bucketCreator(store, region);
  if (store.get(bucket) === undefined) await createBucket(bucket);
  const server = await runServer(app, options, async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  });
  const { accessKeyId, secretAccessKey } = owner;
  const bucketRegion = (name: string) => store.get(name)?.settings.region;
  return { ...server, region, bucket, accessKeyId, secretAccessKey, objects, identities, createBucket, bucketRegion };
}

function ownerOf(options: S3SandboxOptions): SandboxUser {
  return {
    name: 'owner',
    accessKeyId: options.accessKeyId ?? 'AKIALONGSHORESANDBOX',
    secretAccessKey: options.secretAccessKey ?? randomBytes(30).toString('base64'),
  };
}

function bucketCreator(store: S3Store, defaultRegion: string): S3Sandbox['createBucket'] {
  return async (name, options = {}) => {
    await store.create({
      name,
      region: options.region ?? defaultRegion,
      ownerAccountId: options.accountId ?? DEFAULT_ACCOUNT,
      createdAt: Date.now(),
      versioning: options.versioning === true ? 'Enabled' : undefined,
      publicAccessBlock: ALL_BLOCKED,
      policy: undefined,
    });
  };
}
