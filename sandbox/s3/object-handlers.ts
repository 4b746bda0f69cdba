/** PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects and object tagging. */
import { randomBytes } from 'node:crypto';
import { contentRange, parseRange } from '@/sandbox/byte-range.ts';
import { hasFalseSuccess, type Reply } from '@/sandbox/exchange.ts';
import type { Bucket } from './bucket.ts';
import { attributesOf, checksumHeaders, objectHeaders } from './object-attributes.ts';
import type { ObjectAttributes, ObjectVersion } from './object-model.ts';
import { checkReadConditions, writeConditions } from './preconditions.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { child, childrenOf, childText, document, element, text, type XmlNode } from './xml.ts';

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const MAX_KEY_BYTES = 1024;

export function assertKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES)
    throw new S3Error('KeyTooLongError', { fields: { Size: size, MaxSizeAllowed: MAX_KEY_BYTES } });
}

export async function putObject(call: S3Call): Promise<Reply> {
  const { bucket } = call;
  assertKey(call.key);
  if (call.header('x-amz-tagging') !== undefined) call.allow('s3:PutObjectTagging');
  const [attributes, check] = [attributesOf(call), writeConditions(call)];
  const received = await call.receive();
  const draft = {
    ...attributes,
    key: call.key,
    versionId: bucket.newVersionId(),
    isDeleteMarker: false,
    sizeBytes: received.segment.sizeBytes,
    etag: etagFor(attributes, received.md5),
    lastModified: call.now(),
    segments: [received.segment],
    checksums: received.checksums,
    checksumType: 'FULL_OBJECT' as const,
  };
  await commit(call, bucket, { draft, check });
  return { status: 200, headers: { ...writtenHeaders(draft, bucket), ...checksumHeaders(draft) } };
}

/** Of KMS-encrypted objects the ETag is no hash of anything. */
export function etagFor(attributes: ObjectAttributes, md5: string): string {
  const kms = attributes.encryption['x-amz-server-side-encryption'] === 'aws:kms';
  return kms ? randomBytes(16).toString('hex') : md5;
}

export interface Commit {
  draft: Parameters<Bucket['add']>[0];
  check: (current: ObjectVersion | undefined) => void;
}

/** Makes the object visible, or keeps nothing of it: when the condition fails, or the fault `false_success` says so. */
export async function commit(call: S3Call, bucket: Bucket, { draft, check }: Commit): Promise<void> {
  const { files } = call.environment.store;
  if (hasFalseSuccess(call.exchange)) return await files.remove(draft.segments);
  try {
    await bucket.add(draft, check);
  } catch (error) {
    await files.remove(draft.segments);
    throw error;
  }
}

export function writtenHeaders(
  written: Pick<ObjectVersion, 'etag' | 'encryption' | 'versionId'>,
  bucket: Bucket,
): Record<string, string> {
  const versioned = bucket.settings.versioning !== undefined;
  return {
    etag: `"${written.etag}"`,
    ...written.encryption,
    ...(versioned ? { 'x-amz-version-id': written.versionId } : {}),
  };
}

export async function getObject(call: S3Call): Promise<Reply> {
  const { bucket } = call;
  const version = readable(call, bucket);
  const headers = { ...readHeaders(call, bucket, version), ...overrides(call) };
  const range = parseRange(call.header('range'), version.sizeBytes);
  if (range === 'unsatisfiable') throw invalidRange(call, version);
  const { start, end } = range ?? { start: 0, end: version.sizeBytes };
  const body = call.environment.store.files.read(version.segments, start, end);
  if (range === undefined) {
    return { status: 200, headers: { ...headers, 'content-length': String(version.sizeBytes) }, body };
  }
  const partial = { 'content-length': String(end - start), 'content-range': contentRange(range, version.sizeBytes) };
  return { status: 206, headers: { ...headers, ...partial }, body };
}

export async function headObject(call: S3Call): Promise<Reply> {
  const reply = await getObject(call);
  return { status: reply.status, headers: reply.headers };
}

function readable(call: S3Call, bucket: Bucket): ObjectVersion {
  const versionId = call.param('versionId');
  if (call.param('partNumber') !== undefined) throw new S3Error('NotImplemented', { fields: { Header: 'partNumber' } });
  const version = call.visible(bucket, call.key, versionId);
  checkReadConditions(call, version);
  return version;
}

function readHeaders(call: S3Call, bucket: Bucket, version: ObjectVersion): Record<string, string> {
  const wanted = call.header('x-amz-checksum-mode') ?? call.param('x-amz-checksum-mode');
  const whole = call.header('range') === undefined;
  return {
    ...objectHeaders(version, bucket.settings.versioning !== undefined),
    ...(wanted === 'ENABLED' && whole ? checksumHeaders(version) : {}),
  };
}

/** `response-content-type` and its like, from the query. */
function overrides(call: S3Call): Record<string, string> {
  const found = [...call.exchange.query].filter(([name]) => name.startsWith('response-'));
  return Object.fromEntries(found.map(([name, value]) => [name.slice('response-'.length), value]));
}

function invalidRange(call: S3Call, version: ObjectVersion): S3Error {
  return new S3Error('InvalidRange', {
    fields: { RangeRequested: call.header('range'), ActualObjectSize: version.sizeBytes },
    headers: { 'content-range': `bytes */${version.sizeBytes}` },
  });
}

export async function deleteObject(call: S3Call): Promise<Reply> {
  const versionId = call.param('versionId');
  const deleted = await deleteOne(call, call.bucket, { key: call.key, versionId });
  return { status: 204, headers: deletionHeaders(deleted) };
}

interface Deleted {
  versionId: string | undefined;
  isMarker: boolean;
}

/** Absent is fine. Without a version id, a versioned bucket gets a delete marker. */
async function deleteOne(
  call: S3Call,
  bucket: Bucket,
  { key, versionId }: { key: string; versionId: string | undefined },
): Promise<Deleted> {
  if (hasFalseSuccess(call.exchange)) return { versionId, isMarker: false };
  if (versionId === undefined && bucket.settings.versioning !== undefined) return await addMarker(call, bucket, key);
  const target = versionId === undefined ? bucket.versionsOf(key)[0] : bucket.version(key, versionId);
  if (target !== undefined) await bucket.remove(target);
  return { versionId, isMarker: target?.isDeleteMarker ?? false };
}

async function addMarker(call: S3Call, bucket: Bucket, key: string): Promise<Deleted> {
  const versionId = bucket.newVersionId();
  await bucket.add({ ...MARKER, key, versionId, lastModified: call.now() }, () => {});
  return { versionId, isMarker: true };
}

const MARKER = {
  isDeleteMarker: true,
  sizeBytes: 0,
  etag: '',
  segments: [],
  checksums: {},
  checksumType: 'FULL_OBJECT' as const,
  contentType: '',
  contentHeaders: {},
  metadata: {},
  tags: {},
  encryption: {},
  storageClass: 'STANDARD',
};

function deletionHeaders({ versionId, isMarker }: Deleted): Record<string, string> {
  return {
    ...(versionId === undefined ? {} : { 'x-amz-version-id': versionId }),
    ...(isMarker ? { 'x-amz-delete-marker': 'true' } : {}),
  };
}

export async function deleteObjects(call: S3Call): Promise<Reply> {
  assertHasIntegrity(call);
  const root = await call.xml();
  const entries = childrenOf(root, 'Object');
  if (root.name !== 'Delete' || entries.length === 0 || entries.length > 1000) throw new S3Error('MalformedXML');
  const quiet = childText(root, 'Quiet') === 'true';
  const results: string[] = [];
  for (const entry of entries) results.push(await deleteListed(call, entry, quiet));
  return { status: 200, headers: XML, body: document('DeleteResult', S3_NAMESPACE, ...results) };
}

const XML = { 'content-type': 'application/xml' };

/** DeleteObjects alone insists on a checksum or Content-MD5. */
function assertHasIntegrity(call: S3Call): void {
  const names = Object.keys(call.exchange.headers);
  const known = call.quirks.deleteNeedsMd5 ? /^content-md5$/ : /^(content-md5|x-amz-checksum-.*|x-amz-trailer)$/;
  if (names.some((name) => known.test(name))) return;
  throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: Content-MD5' });
}

async function deleteListed(call: S3Call, entry: XmlNode, quiet: boolean): Promise<string> {
  const [key, versionId] = [childText(entry, 'Key') ?? '', childText(entry, 'VersionId')];
  const action = versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion';
  const names = [text('Key', key), text('VersionId', versionId)];
  if (!call.can(action, call.resource(call.bucketName, key))) {
    return element('Error', ...names, text('Code', 'AccessDenied'), text('Message', 'Access Denied'));
  }
  const { isMarker, versionId: affected } = await deleteOne(call, call.bucket, { key, versionId });
  if (quiet) return '';
  const marker = isMarker ? [text('DeleteMarker', true), text('DeleteMarkerVersionId', affected)] : [];
  return element('Deleted', ...names, ...marker);
}

export async function getObjectTagging(call: S3Call): Promise<Reply> {
  const version = call.visible(call.bucket, call.key, call.param('versionId'));
  const tags = Object.entries(version.tags).map(([key, value]) =>
    element('Tag', text('Key', key), text('Value', value)),
  );
  return { status: 200, headers: XML, body: document('Tagging', S3_NAMESPACE, element('TagSet', ...tags)) };
}

export async function putObjectTagging(call: S3Call): Promise<Reply> {
  const version = call.visible(call.bucket, call.key, call.param('versionId'));
  const set = child(await call.xml(), 'TagSet');
  if (set === undefined) throw new S3Error('MalformedXML');
  const tags = childrenOf(set, 'Tag').map((tag) => [childText(tag, 'Key') ?? '', childText(tag, 'Value') ?? '']);
  call.bucket.saveTags(version, Object.fromEntries(tags));
  return { status: 200 };
}

export async function deleteObjectTagging(call: S3Call): Promise<Reply> {
  const version = call.visible(call.bucket, call.key, call.param('versionId'));
  call.bucket.saveTags(version, {});
  return { status: 204 };
}
