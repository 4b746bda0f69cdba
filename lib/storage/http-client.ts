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

/** How an answer is read into memory. */
export interface Reading {
  /** Told of each piece as it arrives. */
  onBytes?: (lengthBytes: number) => void;
  /** Where an answer of announced length is put that fits in. After a failure bytes may still come into it. */
  into?: Buffer;
}

export interface SmallReply extends Omit<HttpReply, 'body'> {
  /** Cut off after `maxReplyBytes`. */
  body: Buffer;
}

const MAX_REPLY_BYTES = 1_048_576;
const CONNECT_TIMEOUT_MS = 10_000;
/** Smaller answers come in a chunk or a few. */
const IN_PLACE_BYTES = 512 * 1024;

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
  async send(call: HttpCall, maxReplyBytes = MAX_REPLY_BYTES, reading: Reading = {}): Promise<SmallReply> {
    const reply = await this.open(call);
    const { status, headers } = reply;
    return { status, headers, body: await this.read(reply, maxReplyBytes, reading) };
  }

  /** The body of an answer in one piece, cut off after `maxBytes`. */
  async read(
    { headers, body }: Pick<HttpReply, 'headers' | 'body'>,
    maxBytes: number,
    { onBytes, into }: Reading = {},
  ): Promise<Buffer> {
    try {
      const announced = Number(headers['content-length'] ?? Number.NaN);
      return await readUpTo(body, new Room(announced, maxBytes, into), onBytes);
    } catch (error) {
      throw networkError(error, this.context);
    }
  }

  private start(call: HttpCall): http.ClientRequest {
    const { protocol, hostname, port, pathname, search } = call.url;
    const secure = protocol === 'https:';
    const options = {
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? undefined : port,
      path: `${pathname}${search}`,
      method: call.method,
      headers: { ...call.headers, ...lengthHeader(call) },
      agent: secure ? this.guard.httpsAgent : this.guard.httpAgent,
      signal: call.signal,
    };
    const request = secure ? https.request(options) : http.request(options);
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

function readUpTo(body: Readable, room: Room, onBytes?: (lengthBytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    body.on('data', (chunk: Buffer) => {
      room.add(chunk);
      onBytes?.(chunk.length);
      if (!room.isFull) return;
      body.off('error', reject).on('error', () => undefined);
      body.destroy();
      resolve(room.bytes());
    });
    body.once('end', () => resolve(room.bytes())).once('error', reject);
    body.once('close', () => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer broke off'));
    });
  });
}

function roomFor(bytes: number, into: Buffer | undefined): Buffer {
  return into !== undefined && into.length >= bytes ? into.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
}

/** Where the bytes of an answer are put together: in place where their number was announced, so that none is held twice. */
class Room {
  readonly #maxBytes: number;
  readonly #whole: Buffer | undefined;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(announcedBytes: number, maxBytes: number, into: Buffer | undefined) {
    this.#maxBytes = maxBytes;
    const inPlace = announcedBytes > IN_PLACE_BYTES && announcedBytes <= maxBytes;
    if (inPlace) this.#whole = roomFor(announcedBytes, into);
  }

  get isFull(): boolean {
    return this.#size >= this.#maxBytes;
  }

  /** More than was announced does not come: HTTP cuts it off. */
  add(chunk: Buffer): void {
    if (this.#whole === undefined) this.#chunks.push(chunk);
    else chunk.copy(this.#whole, this.#size);
    this.#size += chunk.length;
  }

  bytes(): Buffer {
    const size = Math.min(this.#size, this.#maxBytes);
    if (this.#whole !== undefined) return this.#whole.subarray(0, size);
    const [only] = this.#chunks;
    const whole = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.#size);
    return whole.length === size ? whole : whole.subarray(0, size);
  }
}
