import type { HttpReply } from '@/lib/storage/http-client.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import type { ObjectStat, PutOptions } from '@/lib/storage/storage-service.ts';

const METADATA_PREFIX = 'x-amz-meta-';

/** Of PutObject: what the object is, and how the store shall keep it. */
export function objectHeaders({ encryption }: S3StoreConfig, options: PutOptions): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {
    'content-type': options.contentType ?? 'application/octet-stream',
  };
  for (const [name, value] of Object.entries(options.metadata ?? {})) headers[`${METADATA_PREFIX}${name}`] = value;
  if (encryption?.type === 'sse-s3') headers['x-amz-server-side-encryption'] = 'AES256';
  if (encryption?.type === 'sse-kms') {
    headers['x-amz-server-side-encryption'] = 'aws:kms';
    headers['x-amz-server-side-encryption-aws-kms-key-id'] = encryption.keyId;
    headers['x-amz-server-side-encryption-bucket-key-enabled'] = encryption.bucketKey?.toString();
  }
  return headers;
}

/** The facts that the answer to a GET or HEAD carries. A ranged answer tells the whole size behind a slash. */
export function statOfReply(key: string, { headers }: Pick<HttpReply, 'headers'>): ObjectStat {
  const total = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? headers['content-length'];
  const modified = headers['last-modified'];
  return {
    key,
    sizeBytes: Number(total ?? 0),
    contentType: headers['content-type'],
    metadata: metadataOf(headers),
    versionId: realVersion(headers['x-amz-version-id']),
    etag: headers.etag,
    lastModified: modified === undefined ? undefined : new Date(modified),
  };
}

function metadataOf(headers: HttpReply['headers']): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith(METADATA_PREFIX)) metadata[name.slice(METADATA_PREFIX.length)] = headers[name] ?? '';
  }
  return metadata;
}

/** A bucket without versioning calls its only version `null`. */
export function realVersion(versionId: string | undefined): string | undefined {
  return versionId === 'null' ? undefined : versionId;
}
