import { randomBytes } from 'node:crypto';
import { GetBucketVersioningCommand, HeadBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { profileOfEndpoint, profileOfServer, type S3Profile, s3Profile } from '@/lib/storage/s3-profile.ts';
import { openSession, type S3Session, s3Call } from '@/lib/storage/s3-session.ts';
import { type S3StorageDependencies, S3StorageService } from '@/lib/storage/s3-storage-service.ts';
import { deleteAllVersions } from '@/lib/storage/s3-versions.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/**
 * A service for a store after asking it what it can do. Stores that their address names are taken at their word; for all
 * others a small object is written (and removed) to see whether conditions and checksums are honoured or only accepted.
 * The outcome is in the service's `profile` and `capabilities`: keep it, and the next service needs no questions.
 */
export async function connectS3(
  config: S3StoreConfig,
  dependencies: S3StorageDependencies,
  signal?: AbortSignal,
): Promise<S3StorageService> {
  const given = typeof config.profile === 'string' ? s3Profile(config.profile) : config.profile;
  const assumed = given ?? profileOfEndpoint(config.endpoint);
  const session = openSession(config, assumed, dependencies);
  try {
    const profile = given === undefined && assumed.name === 'generic' ? await askStore(session, signal) : assumed;
    const versioned = config.versioned ?? (profile.versions && (await keepsVersions(session, signal)));
    return new S3StorageService({ ...config, profile, versioned }, dependencies);
  } finally {
    session.client.destroy();
  }
}

async function askStore(session: S3Session, signal: AbortSignal | undefined): Promise<S3Profile> {
  const named = profileOfServer(await serverHeader(session, signal));
  const key = `.longshore/probe-${randomBytes(8).toString('hex')}`;
  try {
    const checksumSha256 = await refusesWrongChecksum(session, key, signal);
    const conditionalPut = await honoursCondition(session, key, signal);
    return { ...s3Profile(named ?? 'generic'), pathStyle: session.profile.pathStyle, checksumSha256, conditionalPut };
  } finally {
    await deleteAllVersions(session, key, {});
  }
}

async function serverHeader(session: S3Session, signal: AbortSignal | undefined): Promise<string | undefined> {
  const command = new HeadBucketCommand({ Bucket: session.config.bucket });
  let server: string | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      server = (result.response as { headers?: Record<string, string> }).headers?.server;
      return result;
    },
    { step: 'deserialize', name: 'longshoreServerHeader' },
  );
  await s3Call({ operation: 'probe' }, () => session.client.send(command, { abortSignal: signal }));
  return server;
}

/** A store that takes a body under a checksum that is not its own does not look at checksums. */
async function refusesWrongChecksum(
  session: S3Session,
  key: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const wrong = Buffer.alloc(32, 1).toString('base64');
  return isRefused(session, new PutObjectCommand({ ...probeObject(session, key), ChecksumSHA256: wrong }), signal);
}

async function honoursCondition(session: S3Session, key: string, signal: AbortSignal | undefined): Promise<boolean> {
  const plain = new PutObjectCommand(probeObject(session, key));
  await s3Call({ operation: 'probe' }, () => session.client.send(plain, { abortSignal: signal }));
  return isRefused(session, new PutObjectCommand({ ...probeObject(session, key), IfNoneMatch: '*' }), signal);
}

function probeObject(session: S3Session, key: string) {
  return { Bucket: session.config.bucket, Key: key, Body: Buffer.from('probe'), ContentType: 'text/plain' };
}

/** Faults that are not about the request itself (credentials, bucket, network) are thrown on. */
async function isRefused(
  session: S3Session,
  command: PutObjectCommand,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await s3Call({ operation: 'probe' }, () => session.client.send(command, { abortSignal: signal }));
    return false;
  } catch (error) {
    const codes = ['already_exists', 'corrupt', 'invalid_request'];
    if (error instanceof StorageError && codes.includes(error.code)) return true;
    throw error;
  }
}

/** Suspended versioning keeps old versions too. A store or key that may not say so has none that we could use. */
async function keepsVersions(session: S3Session, signal: AbortSignal | undefined): Promise<boolean> {
  const command = new GetBucketVersioningCommand({ Bucket: session.config.bucket });
  try {
    const found = await s3Call({ operation: 'probe' }, () => session.client.send(command, { abortSignal: signal }));
    return found.Status !== undefined;
  } catch (error) {
    if (error instanceof StorageError && ['forbidden', 'invalid_request'].includes(error.code)) return false;
    throw error;
  }
}
