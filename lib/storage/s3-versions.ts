import { DeleteObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { answerOf } from '@/lib/storage/s3-errors.ts';
import { type S3Session, s3Call } from '@/lib/storage/s3-session.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { DeleteOptions } from '@/lib/storage/storage-service.ts';

/** Removes one version, or puts a delete marker where the bucket keeps versions. Absent is fine. */
export async function deleteOne(session: S3Session, key: string, options: DeleteOptions): Promise<void> {
  const command = new DeleteObjectCommand({ Bucket: session.config.bucket, Key: key, VersionId: options.versionId });
  const context = { operation: 'delete', key } as const;
  try {
    await s3Call(context, () => session.client.send(command, { abortSignal: options.signal }));
  } catch (error) {
    if (!StorageError.is(error, 'not_found')) throw error;
  }
}

/**
 * Removes every version and delete marker of the key, until a listing shows none. A store without versions has only the
 * one object. Where listing versions is denied, a plain delete must not leave a marker over bytes that stay: `forbidden`.
 */
export async function deleteAllVersions(session: S3Session, key: string, options: DeleteOptions): Promise<void> {
  if (!session.profile.versions) return deleteOne(session, key, options);
  const removed = new Set<string>();
  for (;;) {
    const versions = await versionsOf(session, key, options.signal);
    if (versions === 'unsupported') return deleteOne(session, key, options);
    if (versions === 'denied') return deleteUnversioned(session, key, options);
    if (versions.length === 0) return;
    if (versions.some((versionId) => removed.has(versionId))) throw keptVersion(key);
    for (const versionId of versions) {
      await deleteOne(session, key, { versionId, signal: options.signal });
      removed.add(versionId);
    }
  }
}

/** The store acknowledged a removal and lists the version still: held by a lock, or damaged. */
function keptVersion(key: string): StorageError {
  const detail = 'a version is still listed after the store said that it was removed';
  return new StorageError('forbidden', { provider: 's3', operation: 'delete', key, detail });
}

async function versionsOf(
  session: S3Session,
  key: string,
  signal: AbortSignal | undefined,
): Promise<string[] | 'unsupported' | 'denied'> {
  const command = new ListObjectVersionsCommand({ Bucket: session.config.bucket, Prefix: key });
  const context = { operation: 'delete', key } as const;
  try {
    const page = await s3Call(context, () => session.client.send(command, { abortSignal: signal }));
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].filter((entry) => entry.Key === key);
    return found.map((entry) => entry.VersionId ?? 'null');
  } catch (error) {
    if (StorageError.is(error, 'forbidden')) return 'denied';
    if (isUnsupported(error)) return 'unsupported';
    throw error;
  }
}

function isUnsupported(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false;
  const { code, status } = answerOf(error.cause);
  return code === 'NotImplemented' || code === 'MethodNotAllowed' || status === 501 || status === 405;
}

async function deleteUnversioned(session: S3Session, key: string, options: DeleteOptions): Promise<void> {
  const context = { operation: 'delete', key } as const;
  const command = new DeleteObjectCommand({ Bucket: session.config.bucket, Key: key });
  const done = await s3Call(context, () => session.client.send(command, { abortSignal: options.signal }));
  if (!done.DeleteMarker) return;
  const detail = 's3:ListBucketVersions is denied: the object is hidden, but its versions are still there';
  throw new StorageError('forbidden', { provider: 's3', ...context, detail });
}
