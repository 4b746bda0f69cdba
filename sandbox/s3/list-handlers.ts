/** ListObjects, ListObjectsV2 and ListObjectVersions. */
import type { Reply } from '@/sandbox/exchange.ts';
import { compareKeys, lowerBound } from '@/sandbox/key-order.ts';
import { S3_NAMESPACE } from './object-handlers.ts';
import type { ObjectVersion } from './object-model.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { encodeRfc3986 } from './sigv4.ts';
import { document, element, text } from './xml.ts';

const XML = { 'content-type': 'application/xml' };

interface ListRequest {
  prefix: string;
  delimiter: string;
  limit: number;
  /** Keys at or before it are left out; a common prefix too. */
  after: string;
  encode: (value: string) => string;
}

function listRequest(call: S3Call, after: string): ListRequest {
  const encoding = call.param('encoding-type');
  if (encoding !== undefined && encoding !== 'url') {
    throw new S3Error('InvalidArgument', { message: 'Invalid Encoding Method specified in Request' });
  }
  return {
    prefix: call.param('prefix') ?? '',
    delimiter: call.param('delimiter') ?? '',
    limit: limitOf(call),
    after,
    encode: encoding === 'url' ? (value) => encodeRfc3986(value).replaceAll('%2F', '/') : (value) => value,
  };
}

function limitOf(call: S3Call): number {
  const value = call.param('max-keys') ?? '1000';
  if (!/^\d+$/.test(value)) {
    throw new S3Error('InvalidArgument', { message: 'Provided max-keys not an integer or within integer range' });
  }
  return Math.min(Number(value), 1000);
}

type Entry<T> = { prefix: string } | { key: string; item: T };

interface ListedPage<T> {
  entries: Entry<T>[];
  truncated: boolean;
  /** Name of the last entry, key or prefix. */
  last: string;
}

/** Walks the sorted keys of the prefix once; keys that share a prefix up to the delimiter become one entry. */
function listPage<T>(keys: readonly string[], items: (key: string) => T[], request: ListRequest): ListedPage<T> {
  const entries: Entry<T>[] = [];
  let last = '';
  let rolledUp: string | undefined;
  const start = lowerBound(keys, compareKeys(request.prefix, request.after) < 0 ? request.after : request.prefix);
  for (let i = start; i < keys.length; i += 1) {
    const key = keys[i] ?? '';
    if (!key.startsWith(request.prefix)) break;
    if (key === request.after) continue;
    const prefix = commonPrefix(key, request);
    if (prefix !== undefined && (prefix === rolledUp || request.after.startsWith(prefix))) continue;
    const found = items(key);
    for (const item of found) {
      if (entries.length >= request.limit) return { entries, truncated: request.limit > 0, last };
      entries.push(prefix === undefined ? { key, item } : { prefix });
      last = prefix ?? key;
      if (prefix === undefined) continue;
      rolledUp = prefix;
      break;
    }
  }
  return { entries, truncated: false, last };
}

function commonPrefix(key: string, { prefix, delimiter }: ListRequest): string | undefined {
  if (delimiter === '') return undefined;
  const index = key.indexOf(delimiter, prefix.length);
  return index < 0 ? undefined : key.slice(0, index + delimiter.length);
}

function currentObjects(call: S3Call): (key: string) => ObjectVersion[] {
  const { bucket } = call;
  return (key) => {
    const version = bucket.current(key);
    return version === undefined ? [] : [version];
  };
}

export async function listObjectsV2(call: S3Call): Promise<Reply> {
  const token = call.param('continuation-token');
  const after = token === undefined ? (call.param('start-after') ?? '') : readToken(token);
  const request = listRequest(call, after);
  const page = listPage(call.bucket.keys, currentObjects(call), request);
  const startAfter = call.param('start-after');
  const body = document(
    'ListBucketResult',
    S3_NAMESPACE,
    ...commonElements(call, request, page),
    text('KeyCount', page.entries.length),
    text('ContinuationToken', token),
    text('NextContinuationToken', page.truncated ? makeToken(page.last) : undefined),
    text('StartAfter', startAfter === undefined ? undefined : request.encode(startAfter)),
    ...page.entries.map((entry) =>
      objectElement(entry, request, call.param('fetch-owner') === 'true' ? call : undefined),
    ),
  );
  return { status: 200, headers: XML, body };
}

function makeToken(last: string): string {
  return Buffer.from(`1${last}`).toString('base64');
}

function readToken(token: string): string {
  const decoded = Buffer.from(token, 'base64').toString();
  if (decoded.startsWith('1')) return decoded.slice(1);
  throw new S3Error('InvalidArgument', { message: 'The continuation token provided is incorrect' });
}

export async function listObjects(call: S3Call): Promise<Reply> {
  const marker = call.param('marker') ?? '';
  const request = listRequest(call, marker);
  const page = listPage(call.bucket.keys, currentObjects(call), request);
  const body = document(
    'ListBucketResult',
    S3_NAMESPACE,
    ...commonElements(call, request, page),
    text('Marker', request.encode(marker)),
    text('NextMarker', page.truncated && request.delimiter !== '' ? request.encode(page.last) : undefined),
    ...page.entries.map((entry) => objectElement(entry, request, call)),
  );
  return { status: 200, headers: XML, body };
}

function commonElements(call: S3Call, request: ListRequest, page: { truncated: boolean }): string[] {
  return [
    text('Name', call.bucketName),
    text('Prefix', request.encode(request.prefix)),
    text('Delimiter', request.delimiter === '' ? undefined : request.encode(request.delimiter)),
    text('MaxKeys', request.limit),
    text('EncodingType', call.param('encoding-type')),
    text('IsTruncated', page.truncated),
  ];
}

function objectElement(entry: Entry<ObjectVersion>, request: ListRequest, withOwner: S3Call | undefined): string {
  if ('prefix' in entry) return element('CommonPrefixes', text('Prefix', request.encode(entry.prefix)));
  return element('Contents', text('Key', request.encode(entry.key)), ...facts(entry.item), owner(withOwner));
}

function facts(version: ObjectVersion): string[] {
  return [
    text('LastModified', new Date(version.lastModified).toISOString()),
    text('ETag', `"${version.etag}"`),
    ...Object.keys(version.checksums).map((name) => text('ChecksumAlgorithm', name.toUpperCase())),
    text('Size', version.sizeBytes),
    text('StorageClass', version.storageClass),
  ];
}

function owner(call: S3Call | undefined): string {
  if (call === undefined) return '';
  return element('Owner', text('ID', call.bucket.settings.ownerAccountId), text('DisplayName', 'sandbox'));
}

interface VersionItem {
  version: ObjectVersion;
  isLatest: boolean;
}

export async function listObjectVersions(call: S3Call): Promise<Reply> {
  const [keyMarker, idMarker] = [call.param('key-marker') ?? '', call.param('version-id-marker')];
  const request = listRequest(call, idMarker === undefined ? keyMarker : '');
  const items = versionItems(call, keyMarker, idMarker);
  const page = listPage(call.bucket.keys, items, request);
  const last = page.entries.at(-1);
  const lastId = last !== undefined && 'item' in last ? last.item.version.versionId : undefined;
  const body = document(
    'ListVersionsResult',
    S3_NAMESPACE,
    ...commonElements(call, request, page),
    text('KeyMarker', request.encode(keyMarker)),
    text('VersionIdMarker', idMarker),
    text('NextKeyMarker', page.truncated ? request.encode(page.last) : undefined),
    text('NextVersionIdMarker', page.truncated ? lastId : undefined),
    ...page.entries.map((entry) => versionElement(entry, request, call)),
  );
  return { status: 200, headers: XML, body };
}

/** With a version marker, the marker's key goes on after that version, and keys before it are left out. */
function versionItems(call: S3Call, keyMarker: string, idMarker: string | undefined): (key: string) => VersionItem[] {
  const { bucket } = call;
  return (key) => {
    if (idMarker !== undefined && compareKeys(key, keyMarker) < 0) return [];
    const all = bucket.versionsOf(key).map((version, index) => ({ version, isLatest: index === 0 }));
    if (idMarker === undefined || key !== keyMarker) return all;
    return all.slice(all.findIndex(({ version }) => version.versionId === idMarker) + 1);
  };
}

function versionElement(entry: Entry<VersionItem>, request: ListRequest, call: S3Call): string {
  if ('prefix' in entry) return element('CommonPrefixes', text('Prefix', request.encode(entry.prefix)));
  const { version, isLatest } = entry.item;
  const names = [
    text('Key', request.encode(entry.key)),
    text('VersionId', version.versionId),
    text('IsLatest', isLatest),
  ];
  if (!version.isDeleteMarker) return element('Version', ...names, ...facts(version), owner(call));
  return element(
    'DeleteMarker',
    ...names,
    text('LastModified', new Date(version.lastModified).toISOString()),
    owner(call),
  );
}
