import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { type S3Session, s3Call } from '@/lib/storage/s3-session.ts';
import type { ListOptions, ListPage, ObjectStat } from '@/lib/storage/storage-service.ts';

/** One page of a bucket's keys. Keys come URL-encoded, because XML cannot carry every character that others may use. */
export async function listPage(session: S3Session, prefix: string, options: ListOptions): Promise<ListPage> {
  const command = new ListObjectsV2Command({
    Bucket: session.config.bucket,
    Prefix: prefix,
    MaxKeys: options.limit ?? 1000,
    ContinuationToken: options.cursor,
    EncodingType: 'url',
  });
  const page = await s3Call({ operation: 'list' }, () => session.client.send(command, { abortSignal: options.signal }));
  const encoded = page.EncodingType === 'url';
  const objects = (page.Contents ?? []).map(
    (entry): ObjectStat => ({
      key: encoded ? decodeKey(entry.Key ?? '') : (entry.Key ?? ''),
      sizeBytes: entry.Size ?? 0,
      contentType: undefined,
      metadata: {},
      versionId: undefined,
      etag: entry.ETag,
      lastModified: entry.LastModified,
    }),
  );
  return { objects, nextCursor: page.IsTruncated ? page.NextContinuationToken : undefined };
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}
