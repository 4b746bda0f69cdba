import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
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
const CONNECT_TIMEOUT_MS = 10_000;

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

  /**
   * Sends and reads a small answer whole; what goes beyond `maxReplyBytes` is cut off. `onBytes` is told of each piece as
   * it arrives.
   */
  async send(
    call: HttpCall,
    maxReplyBytes = MAX_REPLY_BYTES,
    onBytes?: (lengthBytes: number) => void,
  ): Promise<SmallReply> {
    const { status, headers, body } = await this.open(call);
    return { status, headers, body: await this.read(body, maxReplyBytes, onBytes) };
  }

  /** The body of an answer in one piece, cut off after `maxBytes`. */
  async read(body: Readable, maxBytes: number, onBytes?: (lengthBytes: number) => void): Promise<Buffer> {
    try {
      return await readUpTo(body, maxBytes, onBytes);
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
    const request = secure ? https.request(call.url, options) : http.request(call.url, options);
    request.once('socket', (socket) => limitConnecting(socket, request));
    return request;
  }
}

/** A host that does not answer at all is given up before one that is slow: another copy may be near. */
function limitConnecting(socket: Socket, request: http.ClientRequest): void {
  if (!socket.connecting) return;
  const giveUp = () => request.destroy(Object.assign(new Error('no connection'), { name: 'TimeoutError' }));
  const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
  const stop = () => clearTimeout(timer);
  socket.once('connect', stop).once('close', stop);
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
    // Let go of before its end, it would leave the connection in the middle of a request for ever.
    body.stream.once('close', () => {
      if (!exact.writableEnded) exact.destroy();
    });
    // An answer before the end of the body closes the request early: that is no failure.
    pipeline(body.stream.pipe(exact), request, (error) => {
      if (error instanceof LengthError || (error && body.stream.errored)) fail(error);
    });
  }
}

function replyOf(response: http.IncomingMessage): HttpReply {
  const headers: Record<string, string> = {};
  for (const name in response.headers) headers[name] = String(response.headers[name]);
  return { status: response.statusCode ?? 0, headers, body: response };
}

function readUpTo(body: Readable, maxBytes: number, onBytes?: (lengthBytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = () => resolve(joined(chunks, size, maxBytes));
    body.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      onBytes?.(chunk.length);
      if (size < maxBytes) return;
      body.off('error', reject).on('error', () => undefined);
      body.destroy();
      done();
    });
    body.once('end', done).once('error', reject);
    body.once('close', () => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer broke off'));
    });
  });
}

function joined(chunks: Buffer[], size: number, maxBytes: number): Buffer {
  const [only] = chunks;
  const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size);
  return whole.length > maxBytes ? whole.subarray(0, maxBytes) : whole;
}
