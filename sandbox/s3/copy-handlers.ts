/** CopyObject and UploadPartCopy. Bytes are immutable on disk, so a copy is a hard link. */
import type { Reply } from '@/sandbox/exchange.ts';
import type { Bucket } from './bucket.ts';
import { startDigest } from './checksums.ts';
import { openUpload, partNumberOf, savePart } from './multipart-handlers.ts';
import { attributesOf } from './object-attributes.ts';
import { assertKey, commit, etagFor, S3_NAMESPACE, writtenHeaders } from './object-handlers.ts';
import type { ObjectVersion } from './object-model.ts';
import { checkCopyConditions, writeConditions } from './preconditions.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { document, text } from './xml.ts';

interface CopySource {
  bucket: Bucket;
  version: ObjectVersion;
}

const MAX_COPY_BYTES = 5 * 1024 ** 3;

export async function copyObject(call: S3Call): Promise<Reply> {
  assertKey(call.key);
  const source = copySource(call);
  if (source.version.sizeBytes > MAX_COPY_BYTES) {
    throw new S3Error('InvalidRequest', {
      message: 'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    });
  }
  const replace = call.header('x-amz-metadata-directive') === 'REPLACE';
  refusePointlessCopy(call, source, replace);
  const draft = { ...(await copyOf(call, source, replace)), key: call.key, versionId: call.bucket.newVersionId() };
  await commit(call, call.bucket, { draft, check: writeConditions(call) });
  const headers = { ...writtenHeaders(draft, call.bucket), ...sourceVersionHeader(source) };
  return { status: 200, headers: { ...headers, ...XML }, body: copyResult('CopyObjectResult', draft) };
}

const XML = { 'content-type': 'application/xml' };

function sourceVersionHeader({ bucket, version }: CopySource): Record<string, string> {
  return bucket.settings.versioning === undefined ? {} : { 'x-amz-copy-source-version-id': version.versionId };
}

function copyResult(name: string, { etag, lastModified }: { etag: string; lastModified: number }): string {
  const date = text('LastModified', new Date(lastModified).toISOString());
  return document(name, S3_NAMESPACE, date, text('ETag', `"${etag}"`));
}

function copySource(call: S3Call): CopySource {
  const [path = '', query = ''] = (call.header('x-amz-copy-source') ?? '').replace(/^\//, '').split('?');
  const decoded = decodeURIComponent(path);
  const slash = decoded.indexOf('/');
  if (slash < 1)
    throw new S3Error('InvalidArgument', { message: 'Copy Source must mention the source bucket and key' });
  const [name, key] = [decoded.slice(0, slash), decoded.slice(slash + 1)];
  const versionId = new URLSearchParams(query).get('versionId') ?? undefined;
  const bucket = call.bucketNamed(name);
  call.allow(versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion', call.resource(name, key));
  const version = call.visible(bucket, key, versionId);
  checkCopyConditions(call, version);
  return { bucket, version };
}

function refusePointlessCopy(call: S3Call, source: CopySource, replace: boolean): void {
  const same = source.version.key === call.key && source.bucket === call.bucket;
  const changes = ['x-amz-server-side-encryption', 'x-amz-storage-class', 'x-amz-website-redirect-location'];
  if (!same || replace || changes.some((name) => call.header(name) !== undefined)) return;
  throw new S3Error('InvalidRequest', {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  });
}

async function copyOf(call: S3Call, { version }: CopySource, replace: boolean) {
  const { files } = call.environment.store;
  const given = attributesOf(call);
  const described = replace ? given : { ...version, encryption: given.encryption, storageClass: given.storageClass };
  const keepTags = call.header('x-amz-tagging-directive') !== 'REPLACE';
  const digest = startDigest('md5');
  for await (const chunk of files.read(version.segments)) digest.update(chunk);
  return {
    contentType: described.contentType,
    contentHeaders: described.contentHeaders,
    metadata: described.metadata,
    encryption: described.encryption,
    storageClass: described.storageClass,
    tags: keepTags ? version.tags : given.tags,
    isDeleteMarker: false,
    sizeBytes: version.sizeBytes,
    etag: etagFor(described, digest.digest().toString('hex')),
    lastModified: call.now(),
    segments: await files.link(version.segments),
    checksums: version.checksums,
    checksumType: version.checksumType,
  };
}

export async function uploadPartCopy(call: S3Call): Promise<Reply> {
  const [upload, number] = [openUpload(call), partNumberOf(call)];
  const { version, bucket } = copySource(call);
  const { start, end } = copyRange(call.header('x-amz-copy-source-range'), version.sizeBytes);
  const { files } = call.environment.store;
  const digest = startDigest('md5');
  const segment = await files.write(tee(files.read(version.segments, start, end), digest.update));
  const etag = digest.digest().toString('hex');
  const part = { number, segment, etag, lastModified: call.now(), checksums: {} };
  await savePart(call, upload, part);
  const headers = { ...XML, ...sourceVersionHeader({ version, bucket }) };
  return { status: 200, headers, body: copyResult('CopyPartResult', part) };
}

async function* tee(source: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncIterable<Buffer> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

function copyRange(header: string | undefined, sizeBytes: number): { start: number; end: number } {
  if (header === undefined) return { start: 0, end: sizeBytes };
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const [start, end] = [Number(match?.[1]), Number(match?.[2]) + 1];
  if (match !== null && start < end && end <= sizeBytes) return { start, end };
  throw new S3Error('InvalidArgument', {
    message:
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
  });
}
