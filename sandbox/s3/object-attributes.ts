import { CHECKSUM_ALGORITHMS, checksumHeader } from './checksums.ts';
import type { ObjectAttributes, ObjectVersion } from './object-model.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';

const CONTENT_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
] as const;

const MAX_METADATA_BYTES = 2048;

/** What the headers of a PutObject, CopyObject (REPLACE) or CreateMultipartUpload say about the object. */
export function attributesOf(call: S3Call): ObjectAttributes {
  const contentHeaders = Object.fromEntries(
    CONTENT_HEADERS.flatMap((name) => {
      const value = name === 'content-encoding' ? contentEncoding(call) : call.header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return {
    contentType: call.header('content-type') ?? 'binary/octet-stream',
    contentHeaders,
    metadata: metadataOf(call),
    tags: parseTagging(call.header('x-amz-tagging')),
    encryption: encryptionOf(call),
    storageClass: call.header('x-amz-storage-class') ?? 'STANDARD',
  };
}

/** aws-chunked is how the bytes travelled, not what they are. */
function contentEncoding(call: S3Call): string | undefined {
  const codings = call.header('content-encoding')?.split(/\s*,\s*/) ?? [];
  const kept = codings.filter((coding) => coding !== 'aws-chunked' && coding !== '');
  return kept.length === 0 ? undefined : kept.join(',');
}

function metadataOf(call: S3Call): Record<string, string> {
  const prefix = 'x-amz-meta-';
  const names = Object.keys(call.exchange.headers).filter((name) => name.startsWith(prefix));
  const metadata = Object.fromEntries(names.map((name) => [name.slice(prefix.length), call.header(name) ?? '']));
  const size = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (size > MAX_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', { fields: { Size: size, MaxSizeAllowed: MAX_METADATA_BYTES } });
  }
  return metadata;
}

export function parseTagging(header: string | undefined): Record<string, string> {
  const tags = Object.fromEntries(new URLSearchParams(header ?? ''));
  if (Object.keys(tags).length > 10) {
    throw new S3Error('BadRequest', { message: 'Object tags cannot be greater than 10' });
  }
  return tags;
}

/** Every object is encrypted; without a wish it is SSE-S3. */
function encryptionOf(call: S3Call): Record<string, string> {
  const name = 'x-amz-server-side-encryption';
  const wish = call.header(name) ?? 'AES256';
  if (wish === 'AES256') return { [name]: wish };
  if (wish !== 'aws:kms') {
    throw new S3Error('InvalidArgument', { message: 'The encryption method specified is not supported' });
  }
  const keyId = call.header(`${name}-aws-kms-key-id`) ?? 'arn:aws:kms:us-east-1:111122223333:alias/aws/s3';
  return { [name]: wish, [`${name}-aws-kms-key-id`]: keyId };
}

/** Headers of GET and HEAD, without length and range. */
export function objectHeaders(version: ObjectVersion, versioned: boolean): Record<string, string> {
  const metadata = Object.entries(version.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  const tagCount = Object.keys(version.tags).length;
  return {
    'content-type': version.contentType,
    ...version.contentHeaders,
    etag: `"${version.etag}"`,
    'last-modified': new Date(version.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
    ...version.encryption,
    ...(versioned ? { 'x-amz-version-id': version.versionId } : {}),
    ...(tagCount > 0 ? { 'x-amz-tagging-count': String(tagCount) } : {}),
    ...(version.storageClass === 'STANDARD' ? {} : { 'x-amz-storage-class': version.storageClass }),
    ...Object.fromEntries(metadata),
  };
}

export function checksumHeaders(version: Pick<ObjectVersion, 'checksums' | 'checksumType'>): Record<string, string> {
  const headers = CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
    const value = version.checksums[algorithm];
    return value === undefined ? [] : [[checksumHeader(algorithm), value]];
  });
  return headers.length === 0 ? {} : { ...Object.fromEntries(headers), 'x-amz-checksum-type': version.checksumType };
}
