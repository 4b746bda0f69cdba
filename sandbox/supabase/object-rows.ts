import type { Segment } from '@/sandbox/data-files.ts';

export interface BucketRow {
  id: string;
  name: string;
  owner: string;
  public: boolean;
  file_size_limit: number | null;
  allowed_mime_types: string[] | null;
  created_at: string;
  updated_at: string;
}

export interface ObjectRow {
  id: string;
  bucketId: string;
  name: string;
  version: string;
  createdAt: string;
  updatedAt: string;
  sizeBytes: number;
  mimeType: string;
  cacheControl: string;
  /** With its quotes, as the header carries it. Of uploads in pieces it is no hash of the bytes. */
  etag: string;
  /** Null when the last write gave none: an upsert wipes it. */
  userMetadata: Record<string, unknown> | null;
  segments: Segment[];
}

/** The `metadata` column, as lists and answers show it. */
export function systemMetadata(row: ObjectRow): Record<string, unknown> {
  return {
    eTag: row.etag,
    size: row.sizeBytes,
    mimetype: row.mimeType,
    cacheControl: row.cacheControl,
    lastModified: row.updatedAt,
    contentLength: row.sizeBytes,
    httpStatusCode: 200,
  };
}

/** A row as list, remove, copy and move show it. */
export function publicRow(row: ObjectRow, name: string = row.name): Record<string, unknown> {
  return {
    name,
    id: row.id,
    updated_at: row.updatedAt,
    created_at: row.createdAt,
    last_accessed_at: row.createdAt,
    metadata: systemMetadata(row),
  };
}

/** What GET /object/info answers. */
export function infoOf(row: ObjectRow): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    bucket_id: row.bucketId,
    size: row.sizeBytes,
    content_type: row.mimeType,
    cache_control: row.cacheControl,
    etag: row.etag,
    metadata: row.userMetadata ?? {},
    last_modified: row.updatedAt,
    created_at: row.createdAt,
  };
}

/** The server's own alphabet: ASCII words and the signs that S3 calls safe. */
export function isValidKey(key: string): boolean {
  return /^[\w/!\-.*'() &$@=;:+,?]+$/.test(key);
}

export function isValidBucketName(name: string): boolean {
  return name.length < 64 && /^[\w!\-.*'() &$@=;:+,?]+$/.test(name);
}

/** `image/*`, `*` and exact types; parameters of the type do not count. */
export function isAllowedMimeType(type: string, allowed: readonly string[] | null): boolean {
  if (allowed === null || allowed.length === 0) return true;
  const plain = (type.split(';')[0] ?? '').trim().toLowerCase();
  return allowed.some((wanted) => {
    if (wanted === '*' || wanted === '*/*' || wanted === plain) return true;
    return wanted.endsWith('/*') && plain.startsWith(wanted.slice(0, -1));
  });
}
