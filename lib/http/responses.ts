import type { Readable } from 'node:stream';
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
export function redirect(location: string, status: 302 | 303 = 302, headers: Record<string, string> = {}): Response {
  return new Response(null, {
    status,
    headers: { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer', ...headers },
  });
}

/** Streams `body`; when the client goes away it is destroyed. */
export function stream(body: Readable, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return nodeBody(body, { status: init.status ?? 200, headers: { 'Cache-Control': 'no-store', ...init.headers } });
}
