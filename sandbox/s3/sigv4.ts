/** AWS Signature Version 4 from the server's side: reading the claim and computing what it should have been. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { S3Error } from './s3-error.ts';

export interface SignableRequest {
  method: string;
  /** Undecoded. */
  path: string;
  rawQuery: string;
  headers: IncomingHttpHeaders;
}

export interface SignatureClaim {
  kind: 'header' | 'presigned';
  accessKeyId: string;
  /** yyyymmdd */
  date: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
  /** yyyymmddThhmmssZ */
  timestamp: string;
  /** Presigned only. */
  expiresInSeconds: number | undefined;
  sessionToken: string | undefined;
  payloadHash: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** Undefined when the request carries no signature at all. */
export function readClaim(request: SignableRequest, query: URLSearchParams): SignatureClaim | undefined {
  const authorization = request.headers.authorization;
  if (authorization !== undefined && query.has('X-Amz-Algorithm')) {
    throw new S3Error('InvalidArgument', {
      message: 'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the header is allowed',
    });
  }
  if (authorization !== undefined) return headerClaim(authorization, request.headers);
  if (query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')) return queryClaim(query);
  if (query.has('AWSAccessKeyId')) throw unsupportedMechanism();
  return undefined;
}

/** Of signatures of version 2, which no region that opened after 2013 takes. */
function unsupportedMechanism(): S3Error {
  return new S3Error('InvalidRequest', {
    message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  });
}

function headerClaim(authorization: string, headers: IncomingHttpHeaders): SignatureClaim {
  const match = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(authorization);
  if (match === null) throw unsupportedMechanism();
  const fields = new Map((match[1] ?? '').split(',').map((part) => splitField(part.trim())));
  const scope = splitScope(fields.get('Credential') ?? '', 'AuthorizationHeaderMalformed');
  return {
    kind: 'header',
    ...scope,
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';').filter((name) => name !== ''),
    signature: fields.get('Signature') ?? '',
    timestamp: single(headers['x-amz-date']) ?? toTimestamp(headers.date),
    expiresInSeconds: undefined,
    sessionToken: single(headers['x-amz-security-token']),
    payloadHash: single(headers['x-amz-content-sha256']) ?? '',
  };
}

function queryClaim(query: URLSearchParams): SignatureClaim {
  const missing = ['Algorithm', 'Credential', 'Signature', 'Date', 'SignedHeaders', 'Expires'].filter(
    (name) => !query.has(`X-Amz-${name}`),
  );
  if (missing.length > 0)
    throw malformedQuery('Query-string authentication version 4 requires the X-Amz-* parameters.');
  if (query.get('X-Amz-Algorithm') !== ALGORITHM)
    throw malformedQuery('X-Amz-Algorithm only supports AWS4-HMAC-SHA256');
  return {
    kind: 'presigned',
    ...splitScope(query.get('X-Amz-Credential') ?? '', 'AuthorizationQueryParametersError'),
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    timestamp: query.get('X-Amz-Date') ?? '',
    expiresInSeconds: readExpires(query.get('X-Amz-Expires') ?? ''),
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
    payloadHash: query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
  };
}

function readExpires(value: string): number {
  const seconds = Number(value);
  if (!Number.isInteger(seconds)) throw malformedQuery('X-Amz-Expires should be a number');
  if (seconds < 0) throw malformedQuery('X-Amz-Expires must be non-negative');
  if (seconds > 604_800) throw malformedQuery('X-Amz-Expires must be less than a week (in seconds)');
  return seconds;
}

function malformedQuery(message: string): S3Error {
  return new S3Error('AuthorizationQueryParametersError', { message });
}

function splitField(field: string): [string, string] {
  const index = field.indexOf('=');
  return [field.slice(0, index), field.slice(index + 1)];
}

function splitScope(credential: string, code: string) {
  const parts = credential.split('/');
  const [service, region, date] = [parts.at(-2) ?? '', parts.at(-3) ?? '', parts.at(-4) ?? ''];
  if (parts.length < 5 || parts.at(-1) !== 'aws4_request' || !/^\d{8}$/.test(date)) {
    throw new S3Error(code, {
      message: 'The Credential is mal-formed; expecting "<access-key>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    });
  }
  return { accessKeyId: parts.slice(0, -4).join('/'), date, region, service };
}

/** Milliseconds since the epoch, NaN when malformed. */
export function parseTimestamp(timestamp: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
}

function toTimestamp(httpDate: string | undefined): string {
  const time = Date.parse(httpDate ?? '');
  return Number.isNaN(time) ? '' : `${new Date(time).toISOString().replace(/[-:]|\.\d+/g, '')}`;
}

export interface ExpectedSignature {
  signature: string;
  stringToSign: string;
  canonicalRequest: string;
  signingKey: Buffer;
  /** date/region/service/aws4_request */
  scope: string;
}

export function expectedSignature(request: SignableRequest, claim: SignatureClaim, secret: string): ExpectedSignature {
  const canonicalRequest = canonicalise(request, claim);
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const stringToSign = [ALGORITHM, claim.timestamp, scope, sha256Hex(canonicalRequest)].join('\n');
  const signingKey = [claim.date, claim.region, claim.service, 'aws4_request'].reduce<Buffer>(
    (key, part) => hmac(key, part),
    Buffer.from(`AWS4${secret}`),
  );
  return {
    signature: hmac(signingKey, stringToSign).toString('hex'),
    stringToSign,
    canonicalRequest,
    signingKey,
    scope,
  };
}

function canonicalise(request: SignableRequest, claim: SignatureClaim): string {
  const headers = claim.signedHeaders.map((name) => `${name}:${canonicalValue(request.headers[name])}\n`);
  return [
    request.method,
    canonicalPath(request.path, claim.service),
    canonicalQuery(request.rawQuery),
    headers.join(''),
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n');
}

/** S3 encodes the path once, every other service twice. */
function canonicalPath(path: string, service: string): string {
  const once = path.split('/').map((segment) => encodeRfc3986(decode(segment)));
  return service === 's3' ? once.join('/') : once.map(encodeRfc3986).join('/');
}

function canonicalQuery(rawQuery: string): string {
  const pairs = rawQuery
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? splitField(pair) : ([pair, ''] as [string, string])))
    .map(([name, value]) => [encodeRfc3986(decode(name)), encodeRfc3986(decode(value))] as const)
    .filter(([name]) => name !== 'X-Amz-Signature');
  pairs.sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

export function encodeRfc3986(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function canonicalValue(value: string | string[] | undefined): string {
  return [value ?? '']
    .flat()
    .map((v) => v.trim().replace(/ +/g, ' '))
    .join(',');
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

export function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

export function sha256Hex(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

export function sameSignature(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
