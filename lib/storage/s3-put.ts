import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { objectHeaders, realVersion } from '@/lib/storage/s3-headers.ts';
import { sendPieceTo } from '@/lib/storage/s3-send.ts';
import { conditionHeaders, headObject, type S3Session, s3Call } from '@/lib/storage/s3-session.ts';
import { isOwnObject, isSameObject } from '@/lib/storage/same-object.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { PutOptions, ReplayableBody, StoredObject } from '@/lib/storage/storage-service.ts';

/** Stores a small body with one request. Returns the version that it made, if any. */
export async function putWhole(
  session: S3Session,
  key: string,
  body: ReplayableBody,
  options: PutOptions,
): Promise<string | undefined> {
  const headers = { ...objectHeaders(session.config, options), ...conditionHeaders(session, options) };
  const range = { start: 0, end: body.sizeBytes };
  const sent = await sendPieceTo(session, { key, headers }, { body, range, options });
  options.onProgress?.(body.sizeBytes);
  return realVersion(sent.headers['x-amz-version-id']);
}

/**
 * Compares what the store says it has with what was sent. A store that answered `stored` and has nothing, or something
 * else, is `corrupt`; what was wrong is removed again.
 */
export async function confirmStored(
  session: S3Session,
  key: string,
  body: ReplayableBody,
  options: PutOptions,
  versionId: string | undefined,
): Promise<StoredObject> {
  const context = { provider: 's3', operation: 'put', key } as const;
  const found = await headObject(session, key, { versionId, signal: options.signal }, context).catch((error) => {
    if (!StorageError.is(error, 'not_found')) throw error;
    throw new StorageError('corrupt', { ...context, detail: 'the store acknowledged the object but has none' });
  });
  if (isSameObject(found, body, options))
    return { key, sizeBytes: found.sizeBytes, versionId: versionId ?? found.versionId };
  const undo = new DeleteObjectCommand({ Bucket: session.config.bucket, Key: key, VersionId: versionId });
  await s3Call(context, () => session.client.send(undo));
  const detail = `the store has ${found.sizeBytes} bytes of ${body.sizeBytes}, or other metadata`;
  throw new StorageError('corrupt', { ...context, detail });
}

/** The object under the key, when it is the very one that this put would have made. */
export async function findOwnObject(
  session: S3Session,
  key: string,
  body: ReplayableBody,
  options: PutOptions,
): Promise<StoredObject | undefined> {
  const context = { provider: 's3', operation: 'put', key } as const;
  const found = await headObject(session, key, { signal: options.signal }, context).catch((error) => {
    if (StorageError.is(error, 'not_found')) return undefined;
    throw error;
  });
  if (found === undefined || !isOwnObject(found, body, options)) return undefined;
  return { key, sizeBytes: found.sizeBytes, versionId: found.versionId };
}
