import type { ObjectVersion } from './object-model.ts';
import type { S3Call } from './s3-call.ts';
import { S3Error } from './s3-error.ts';

type Condition = 'If-Match' | 'If-None-Match' | 'If-Modified-Since' | 'If-Unmodified-Since';

/** Of GET and HEAD: throws 412, or 304 without a body. `If-Match` outranks the dates, as RFC 9110 has it. */
export function checkReadConditions(call: S3Call, version: ObjectVersion): void {
  const failed = failedCondition((name) => call.header(name.toLowerCase()), version);
  if (failed === undefined) return;
  if (failed === 'If-Match' || failed === 'If-Unmodified-Since') throw preconditionFailed(failed);
  const headers = { etag: `"${version.etag}"`, 'last-modified': new Date(version.lastModified).toUTCString() };
  throw new S3Error('NotModified', { status: 304, headers });
}

/** Of the source of a copy: always 412. */
export function checkCopyConditions(call: S3Call, source: ObjectVersion): void {
  const failed = failedCondition((name) => call.header(`x-amz-copy-source-${name.toLowerCase()}`), source);
  if (failed !== undefined) throw preconditionFailed(`x-amz-copy-source-${failed}`);
}

function failedCondition(read: (name: Condition) => string | undefined, version: ObjectVersion): Condition | undefined {
  const [match, noneMatch] = [read('If-Match'), read('If-None-Match')];
  if (match !== undefined && !matchesEtag(match, version)) return 'If-Match';
  const unmodifiedSince = read('If-Unmodified-Since');
  if (match === undefined && unmodifiedSince !== undefined && version.lastModified > Date.parse(unmodifiedSince)) {
    return 'If-Unmodified-Since';
  }
  if (noneMatch !== undefined) return matchesEtag(noneMatch, version) ? 'If-None-Match' : undefined;
  const modifiedSince = read('If-Modified-Since');
  return modifiedSince !== undefined && version.lastModified <= Date.parse(modifiedSince)
    ? 'If-Modified-Since'
    : undefined;
}

function matchesEtag(header: string, version: ObjectVersion): boolean {
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, '').replaceAll('"', ''));
  return tags.includes('*') || tags.includes(version.etag);
}

/** Of PutObject and CompleteMultipartUpload; the returned check runs at the instant of the commit. */
export function writeConditions(call: S3Call): (current: ObjectVersion | undefined) => void {
  const [match, noneMatch] = [call.header('if-match'), call.header('if-none-match')];
  const { conditionalWrites } = call.quirks;
  if (conditionalWrites === 'ignored') return () => {};
  const unknown = conditionalWrites === 'not_implemented' && (match !== undefined || noneMatch !== undefined);
  if (unknown) throw new S3Error('NotImplemented', { fields: { Header: 'If-None-Match' } });
  if (noneMatch !== undefined && noneMatch !== '*') {
    throw new S3Error('NotImplemented', { fields: { Header: 'If-None-Match' } });
  }
  return (current) => {
    if (noneMatch !== undefined && current !== undefined) throw preconditionFailed('If-None-Match');
    if (match === undefined) return;
    if (current === undefined) throw new S3Error('NoSuchKey', { fields: { Key: call.key } });
    if (!matchesEtag(match, current)) throw preconditionFailed('If-Match');
  };
}

function preconditionFailed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', { fields: { Condition: condition } });
}
