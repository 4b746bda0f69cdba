import type { Readable } from 'node:stream';
import { LongshoreError } from '@/lib/errors.ts';
import { nodeBody } from '@/lib/http/node-body.ts';

/** Answers of the API are private to who asked, and never stored on the way. */
export function json(value: unknown, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return new Response(JSON.stringify(value), {
    status: init.status ?? 200,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...init.headers },
  });
}

export function text(value: string, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return new Response(value, {
    status: init.status ?? 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', ...init.headers },
  });
}

export function noContent(headers: Record<string, string> = {}): Response {
  return new Response(null, { status: 204, headers: { 'Cache-Control': 'no-store', ...headers } });
}

/** A redirect to an address that may carry a signature: never stored, never told to the next page. */
export function redirect(location: string, status: 302 | 303 = 302): Response {
  return new Response(null, {
    status,
    headers: { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' },
  });
}

/** Streams `body`; when the client goes away it is destroyed. */
export function stream(body: Readable, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return nodeBody(body, { status: init.status ?? 200, headers: { 'Cache-Control': 'no-store', ...init.headers } });
}

export interface RangedSource {
  sizeBytes: number;
  contentType: string;
  /** A strong validator, quoted; part ranges are only joined to equal ones. */
  etag?: string;
  lastModified?: Date;
  headers?: Record<string, string>;
  /** Called at most once, with the half-open range to read. Not called for HEAD. */
  open(range: { start: number; end: number }): Promise<Readable>;
}

/**
 * Answers GET and HEAD with support for one byte range (RFC 9110 section 14), If-Range and If-None-Match.
 * @throws range_not_satisfiable
 */
export async function rangedResponse(request: Request, source: RangedSource): Promise<Response> {
  const headers: Record<string, string> = {
    'Accept-Ranges': 'bytes',
    'Content-Type': source.contentType,
    ...(source.etag === undefined ? {} : { ETag: source.etag }),
    ...(source.lastModified === undefined ? {} : { 'Last-Modified': source.lastModified.toUTCString() }),
    ...source.headers,
  };
  if (source.etag !== undefined && request.headers.get('if-none-match') === source.etag) {
    return new Response(null, { status: 304, headers });
  }
  const range = usableRange(request, source);
  const { start, end } = range ?? { start: 0, end: source.sizeBytes };
  headers['Content-Length'] = String(end - start);
  if (range !== undefined) headers['Content-Range'] = `bytes ${start}-${end - 1}/${source.sizeBytes}`;
  const status = range === undefined ? 200 : 206;
  if (request.method === 'HEAD' || end === start) return new Response(null, { status, headers });
  return stream(await source.open({ start, end }), { status, headers });
}

function usableRange(request: Request, source: RangedSource): { start: number; end: number } | undefined {
  const header = request.headers.get('range');
  const condition = request.headers.get('if-range');
  if (header === null || (condition !== null && condition !== source.etag)) return undefined;
  return parseRange(header, source.sizeBytes);
}

/**
 * The half-open range that `bytes=a-b`, `bytes=a-` or `bytes=-n` asks for. Undefined for anything that may be ignored:
 * another unit, several ranges, nonsense.
 * @throws range_not_satisfiable
 */
export function parseRange(header: string, sizeBytes: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= sizeBytes || start >= end) {
    throw new LongshoreError('range_not_satisfiable', `The object has ${sizeBytes} bytes.`, {
      hint: 'Ask for a range inside it.',
      details: { size_bytes: sizeBytes },
    });
  }
  return { start, end };
}
