import type { Readable } from 'node:stream';
import { attachmentDisposition } from '@/lib/storage/content-disposition.ts';
import type { FileUrlSigner } from '@/lib/storage/signed-file-url.ts';
import type { ByteRange, ObjectStat, StorageService } from '@/lib/storage/storage-service.ts';

export interface SignedFileRequest {
  method: string;
  /** Absolute, or path and query. */
  url: string;
  headers: Headers;
  signal?: AbortSignal;
}

export interface SignedFileAnswer {
  status: 200 | 206 | 304 | 405 | 412 | 416;
  headers: Record<string, string>;
  /** MUST be consumed or destroyed. Undefined for HEAD and for answers without content. */
  body: Readable | undefined;
}

/**
 * Answers a request under /files/ as RFC 9110 wants: GET and HEAD, one byte range, conditional headers.
 * Throws LongshoreError `signed_url_invalid` or `signed_url_expired`, or the store's own StorageError.
 */
export async function openSignedFile(
  store: StorageService,
  signer: FileUrlSigner,
  request: SignedFileRequest,
): Promise<SignedFileAnswer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return empty(405, { Allow: 'GET, HEAD' });
  const file = signer.verify(request.url);
  const stat = await store.stat(file.key, { signal: request.signal });
  const headers = objectHeaders(stat, file.filename);
  const precondition = checkPreconditions(request.headers, stat);
  if (precondition !== undefined) return empty(precondition, headers);
  const range = request.method === 'GET' ? wantedRange(request.headers, stat) : undefined;
  if (range === 'unsatisfiable') return empty(416, { ...headers, 'Content-Range': `bytes */${stat.sizeBytes}` });
  return answer(store, stat, range, headers, request);
}

async function answer(
  store: StorageService,
  stat: ObjectStat,
  range: Required<ByteRange> | undefined,
  headers: Record<string, string>,
  request: SignedFileRequest,
): Promise<SignedFileAnswer> {
  const { start, end } = range ?? { start: 0, end: stat.sizeBytes };
  const sized = { ...headers, 'Content-Length': String(end - start) };
  if (request.method === 'HEAD') return { status: 200, headers: sized, body: undefined };
  const reader = await store.get(stat.key, { range, signal: request.signal });
  if (range === undefined) return { status: 200, headers: sized, body: reader.body };
  const partial = { ...sized, 'Content-Range': `bytes ${start}-${end - 1}/${stat.sizeBytes}` };
  return { status: 206, headers: partial, body: reader.body };
}

function empty(status: 304 | 405 | 412 | 416, headers: Record<string, string>): SignedFileAnswer {
  return { status, headers, body: undefined };
}

function objectHeaders(stat: ObjectStat, filename: string | undefined): Record<string, string> {
  return {
    'Content-Type': stat.contentType ?? 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-transform',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    ...(stat.etag === undefined ? {} : { ETag: stat.etag }),
    ...(stat.lastModified === undefined ? {} : { 'Last-Modified': stat.lastModified.toUTCString() }),
    ...(filename === undefined ? {} : { 'Content-Disposition': attachmentDisposition(filename) }),
  };
}

/** RFC 9110 section 13.2.2: tags decide before dates. */
function checkPreconditions(headers: Headers, stat: ObjectStat): 304 | 412 | undefined {
  const match = headers.get('if-match');
  if (match !== null && !tagListed(match, stat)) return 412;
  if (match === null && isBefore(headers.get('if-unmodified-since'), stat)) return 412;
  const noneMatch = headers.get('if-none-match');
  if (noneMatch !== null) return tagListed(noneMatch, stat) ? 304 : undefined;
  return isNotAfter(headers.get('if-modified-since'), stat) ? 304 : undefined;
}

function tagListed(list: string, stat: ObjectStat): boolean {
  if (list.trim() === '*') return true;
  return list.split(',').some((tag) => tag.trim().replace(/^W\//, '') === stat.etag);
}

function isBefore(date: string | null, stat: ObjectStat): boolean {
  const at = secondsOf(date);
  return at !== undefined && stat.lastModified !== undefined && at < Math.floor(stat.lastModified.getTime() / 1000);
}

function isNotAfter(date: string | null, stat: ObjectStat): boolean {
  const at = secondsOf(date);
  return at !== undefined && stat.lastModified !== undefined && at >= Math.floor(stat.lastModified.getTime() / 1000);
}

function secondsOf(date: string | null): number | undefined {
  const milliseconds = date === null ? Number.NaN : Date.parse(date);
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}

/** Several ranges in one request are answered with the whole object, which the RFC allows. */
function wantedRange(headers: Headers, stat: ObjectStat): Required<ByteRange> | 'unsatisfiable' | undefined {
  const parsed = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range')?.trim() ?? '');
  if (parsed === null || !rangeStillValid(headers.get('if-range'), stat)) return undefined;
  const [, first = '', last = ''] = parsed;
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, stat.sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? stat.sizeBytes : Math.min(Number(last) + 1, stat.sizeBytes);
  return start >= end ? 'unsatisfiable' : { start, end };
}

function rangeStillValid(condition: string | null, stat: ObjectStat): boolean {
  if (condition === null) return true;
  if (condition.startsWith('"')) return condition.trim() === stat.etag;
  return secondsOf(condition) === Math.floor((stat.lastModified?.getTime() ?? Number.NaN) / 1000);
}
