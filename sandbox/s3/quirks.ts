/** How stores that are not AWS differ from it. The defaults are AWS. */
import type { Reply } from '@/sandbox/exchange.ts';
import type { S3Operation } from './operations.ts';

export interface S3Quirks {
  /** Of aws-chunked bodies: understand, answer 501 or 411, or store the encoded bytes as they came. */
  chunkedUploads: 'decoded' | 'not_implemented' | 'length_required' | 'stored_raw';
  /** Of If-Match and If-None-Match on writes. */
  conditionalWrites: 'honoured' | 'ignored' | 'not_implemented';
  /** Of x-amz-checksum-* and Content-MD5. The signed payload hash is always checked. */
  checksums: 'checked' | 'ignored';
  etags: 'quoted' | 'unquoted' | 'empty';
  /** Accept signatures for any region, such as `auto`. */
  anyRegion: boolean;
  /** DeleteObjects takes nothing but Content-MD5. */
  deleteNeedsMd5: boolean;
  /** All parts but the last must be of one size. */
  equalParts: boolean;
  presignedUrls: boolean;
  /** ListParts tells sizes. */
  partSizes: boolean;
  /** Answered with 501. */
  missing: readonly S3Operation[];
  /** The `Server` header. */
  server: string;
}

export const AWS: S3Quirks = {
  chunkedUploads: 'decoded',
  conditionalWrites: 'honoured',
  checksums: 'checked',
  etags: 'quoted',
  anyRegion: false,
  deleteNeedsMd5: false,
  equalParts: false,
  presignedUrls: true,
  partSizes: true,
  missing: [],
  server: 'AmazonS3',
};

const NO_VERSIONS: readonly S3Operation[] = ['ListObjectVersions', 'GetBucketVersioning', 'PutBucketVersioning'];
const NO_POLICIES: readonly S3Operation[] = ['GetPublicAccessBlock', 'PutPublicAccessBlock', 'GetBucketPolicyStatus'];

/** What is known of some stores, by observation (Swift, Ceph, s3rver, Supabase) or from their documentation. */
export const STORES_LIKE = {
  aws: {},
  minio: { anyRegion: true, server: 'MinIO' },
  swift: {
    chunkedUploads: 'not_implemented',
    conditionalWrites: 'ignored',
    checksums: 'ignored',
    deleteNeedsMd5: true,
    anyRegion: true,
    missing: [...NO_VERSIONS, ...NO_POLICIES],
    server: 'Swift',
  },
  ceph: {
    chunkedUploads: 'length_required',
    conditionalWrites: 'ignored',
    checksums: 'ignored',
    anyRegion: true,
    missing: NO_POLICIES,
    server: 'Ceph Object Gateway',
  },
  r2: { anyRegion: true, equalParts: true, missing: [...NO_VERSIONS, ...NO_POLICIES], server: 'cloudflare' },
  s3rver: {
    chunkedUploads: 'stored_raw',
    conditionalWrites: 'ignored',
    checksums: 'ignored',
    anyRegion: true,
    server: '',
  },
  supabase: {
    conditionalWrites: 'ignored',
    checksums: 'ignored',
    partSizes: false,
    etags: 'unquoted',
    anyRegion: true,
    missing: [...NO_VERSIONS, ...NO_POLICIES],
    server: '',
  },
  runpod: { presignedUrls: false, anyRegion: true, missing: [...NO_VERSIONS, ...NO_POLICIES], server: '' },
} satisfies Record<string, Partial<S3Quirks>>;

export type StoreLike = keyof typeof STORES_LIKE;

/** Rewrites the ETags of a finished reply, in its header and in its document. */
export function dressReply(reply: Reply, quirks: S3Quirks): Reply {
  const headers: Record<string, string> = { server: quirks.server, ...reply.headers };
  if (quirks.etags === 'quoted') return { ...reply, headers };
  const dress = (tag: string) => (quirks.etags === 'empty' ? '' : tag.replaceAll('"', ''));
  if (headers.etag !== undefined) headers.etag = dress(headers.etag);
  if (typeof reply.body !== 'string') return { ...reply, headers };
  const body = reply.body.replace(/<ETag>&quot;(.*?)&quot;<\/ETag>/g, (_, tag: string) => `<ETag>${dress(tag)}</ETag>`);
  return { ...reply, headers, body };
}
