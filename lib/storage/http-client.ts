import http from 'node:http';
import https from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { networkError } from '@/lib/storage/network-errors.ts';
import type { StorageErrorContext } from '@/lib/storage/storage-error.ts';
import { exactBytes, LengthError } from '@/lib/streams/exact-bytes.ts';

export interface HttpCall {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  url: URL;
  headers?: Record<string, string>;
  /** Always sent with its length, never chunked. */
  body?: Uint8Array | { stream: Readable; sizeBytes: number };
  signal?: AbortSignal;
}

export interface HttpReply {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** MUST be consumed or destroyed. */
  body: Readable;
}

export interface SmallReply extends Omit<HttpReply, 'body'> {
  /** Cut off after `maxReplyBytes`. */
  body: Buffer;
}

const MAX_REPLY_BYTES = 1_048_576;

/**
 * HTTP through an endpoint guard. Any status is an answer; redirects are answers too and are never followed. Rejects with
 * StorageError `endpoint_refused`, `unavailable` or `aborted` when there is no answer.
 */
export class HttpClient {
  private readonly guard: EndpointGuard;
  private readonly context: StorageErrorContext;

  /** `context` says in errors on whose behalf the client speaks. */
  constructor(guard: EndpointGuard, context: StorageErrorContext) {
    this.guard = guard;
    this.context = context;
  }

  /** Sends and resolves with the head of the answer; the body streams. */
  open(call: HttpCall): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(networkError(error, this.context));
      try {
        const request = this.start(call);
        request.once('response', (response) => resolve(replyOf(response)));
        request.once('error', fail);
        sendBody(request, call.body, fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Sends and reads a small answer whole; what goes beyond `maxReplyBytes` is cut off. */
  async send(call: HttpCall, maxReplyBytes = MAX_REPLY_BYTES): Promise<SmallReply> {
    const { body, ...head } = await this.open(call);
    try {
      return { ...head, body: await readUpTo(body, maxReplyBytes) };
    } catch (error) {
      throw networkError(error, this.context);
    }
  }

  private start(call: HttpCall): http.ClientRequest {
    const secure = call.url.protocol === 'https:';
    const options = {
      method: call.method,
      headers: { ...call.headers, ...lengthHeader(call) },
      agent: secure ? this.guard.httpsAgent : this.guard.httpAgent,
      signal: call.signal,
    };
    return secure ? https.request(call.url, options) : http.request(call.url, options);
  }
}

function lengthHeader(call: HttpCall): Record<string, string> {
  if (call.body === undefined) return call.method === 'GET' || call.method === 'HEAD' ? {} : { 'content-length': '0' };
  return { 'content-length': String('stream' in call.body ? call.body.sizeBytes : call.body.byteLength) };
}

/**
 * Sends exactly the announced bytes: a shorter stream would leave the server waiting for ever. The source itself is left
 * alone when the request fails, so that its owner can tell its faults from the network's.
 */
function sendBody(request: http.ClientRequest, body: HttpCall['body'], fail: (error: unknown) => void): void {
  if (body === undefined) request.end();
  else if (!('stream' in body)) request.end(body);
  else {
    const exact = exactBytes(body.sizeBytes);
    body.stream.once('error', (error) => exact.destroy(error));
    // An answer before the end of the body closes the request early: that is no failure.
    pipeline(body.stream.pipe(exact), request, (error) => {
      if (error instanceof LengthError || (error && body.stream.errored)) fail(error);
    });
  }
}

function replyOf(response: http.IncomingMessage): HttpReply {
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return { status: response.statusCode ?? 0, headers: Object.fromEntries(headers), body: response };
}

async function readUpTo(body: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
