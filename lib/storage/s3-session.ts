import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { endpointOf, makeS3Client } from '@/lib/storage/s3-client.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { answerOf, s3Error } from '@/lib/storage/s3-errors.ts';
import { statOfReply } from '@/lib/storage/s3-headers.ts';
import type { S3Profile } from '@/lib/storage/s3-profile.ts';
import { S3Wire } from '@/lib/storage/s3-wire.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type { ObjectStat, PutOptions, StatOptions } from '@/lib/storage/storage-service.ts';

/** What every S3 call needs: client, bucket, and what the store is known to keep of S3. */
export interface S3Session {
  /** Objects themselves go over the wire; listings, multipart uploads and removals through the SDK. */
  readonly wire: S3Wire;
  readonly client: S3Client;
  readonly config: S3StoreConfig;
  readonly profile: S3Profile;
}

/** Makes no request. Throws EndpointRefusedError for an endpoint that may not be used. */
export function openSession(
  config: S3StoreConfig,
  profile: S3Profile,
  { guard, now }: { guard: EndpointGuard; now?: () => Date },
): S3Session {
  const { pathStyle } = profile;
  const wire = new S3Wire({ config, endpoint: endpointOf(config, guard), pathStyle, guard, now });
  return { wire, client: makeS3Client(config, profile, guard), config, profile };
}

/** Runs a call and lets nothing but StorageError out of it. */
export async function s3Call<T>(context: Omit<StorageErrorContext, 'provider'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw s3Error(error, { provider: 's3', ...context });
  }
}

/** Request fields that PutObject and CreateMultipartUpload share. */
export function objectFields(session: S3Session, key: string, options: PutOptions) {
  return {
    Bucket: session.config.bucket,
    Key: key,
    ContentType: options.contentType ?? 'application/octet-stream',
    Metadata: options.metadata ?? {},
    ...encryptionFields(session.config),
  };
}

/** `If-None-Match` where the store honours it; elsewhere it would only seem to protect. */
export function conditionFields(session: S3Session, options: PutOptions): { IfNoneMatch?: string } {
  return options.ifAbsent && session.profile.conditionalPut ? { IfNoneMatch: '*' } : {};
}

/** As above, for requests over the wire. */
export function conditionHeaders(session: S3Session, options: PutOptions): Record<string, string> {
  return options.ifAbsent && session.profile.conditionalPut ? { 'if-none-match': '*' } : {};
}

/** Explicit SHA-256 where the store keeps it. */
export function checksumFields(session: S3Session, sha256: string): { ChecksumSHA256?: string } {
  return session.profile.checksumSha256 ? { ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') } : {};
}

function encryptionFields({ encryption }: S3StoreConfig) {
  if (encryption === undefined) return {};
  if (encryption.type === 'sse-s3') return { ServerSideEncryption: 'AES256' } as const;
  return {
    ServerSideEncryption: 'aws:kms',
    SSEKMSKeyId: encryption.keyId,
    BucketKeyEnabled: encryption.bucketKey,
  } as const;
}

/** HeadObject, with its silent errors explained: HEAD answers carry no error code. */
export async function headObject(
  session: S3Session,
  key: string,
  options: StatOptions,
  context: StorageErrorContext,
): Promise<ObjectStat> {
  const { versionId, signal } = options;
  try {
    return statOfReply(key, await session.wire.send({ method: 'HEAD', key, query: { versionId }, signal }, context));
  } catch (error) {
    throw await explainHead(session, error, options.signal, context);
  }
}

/** Asks the bucket itself, whose errors have a body, why a HEAD was refused. */
async function explainHead(
  session: S3Session,
  error: unknown,
  signal: AbortSignal | undefined,
  context: StorageErrorContext,
): Promise<StorageError> {
  const { status = 0, code } = answerOf(StorageError.is(error) ? error.cause : error);
  const silent = code === undefined && status >= 300 && status < 500 && status !== 429;
  if (!silent) return s3Error(error, context);
  const reason = await bucketFault(session, signal, context);
  // A bucket that may not be listed is there all the same.
  if (reason !== undefined && reason.code !== 'forbidden') return reason;
  if (status === 404) return new StorageError('not_found', { ...context, cause: error });
  return s3Error(error, context);
}

/** What is wrong with bucket or credentials, told by a listing of nothing; undefined when nothing is. */
export async function bucketFault(
  session: S3Session,
  signal: AbortSignal | undefined,
  context: StorageErrorContext,
): Promise<StorageError | undefined> {
  const command = new ListObjectsV2Command({ Bucket: session.config.bucket, MaxKeys: 1, Prefix: '.longshore-probe' });
  return session.client.send(command, { abortSignal: signal }).then(
    () => undefined,
    (error) => s3Error(error, context),
  );
}
