/** /upload/resumable: @tus/server with the hooks, the upload ids and the statuses of Supabase Storage. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { MemoryLocker, Server, type ServerOptions, type Upload } from '@tus/server';
import { type Exchange, hasFalseSuccess, type Reply } from '@/sandbox/exchange.ts';
import { type Caller, callerOf } from './caller.ts';
import { type BucketRow, isAllowedMimeType, isValidKey } from './object-rows.ts';
import { refusals, StorageApiError } from './storage-api-error.ts';
import type { SupabaseEnvironment } from './supabase-call.ts';
import type { TusStore } from './tus-store.ts';
import { parseMetadata } from './upload-body.ts';

export const TUS_PATH = '/storage/v1/upload/resumable';
const DOCUMENTED_CHUNK_BYTES = 6 * 1024 * 1024;

interface TusRequest {
  exchange: Exchange;
  caller: Caller | undefined;
}

type HookRequest = Parameters<NonNullable<ServerOptions['onUploadCreate']>>[0];

/** The fault `false_success` on the final PATCH answers 500 and forgets the object, on HEAD it tells an old offset. */
export class TusEndpoint {
  readonly #environment: SupabaseEnvironment;
  readonly #uploads: TusStore;
  readonly #server: Server;
  readonly #running = new WeakMap<object, TusRequest>();

  constructor(environment: SupabaseEnvironment, uploads: TusStore) {
    this.#environment = environment;
    this.#uploads = uploads;
    this.#server = new Server({
      path: TUS_PATH,
      datastore: uploads,
      locker: new MemoryLocker(),
      maxSize: (request, id) => this.#maxSize(this.#of(request).exchange, id),
      disableTerminationForFinishedUploads: true,
      namingFunction: (_request, metadata) => uploadId(metadata),
      generateUrl: (_request, { proto, host, path, id }) => `${proto}://${host}${path}/${encodeId(id)}`,
      getFileIdFromRequest: (request) => decodeId(new URL(request.url).pathname),
      onIncomingRequest: async (request, id) => this.#authorise(this.#of(request), id),
      onUploadCreate: async (_request, upload) => this.#prepare(upload),
      onUploadFinish: async (request, upload) => await this.#finish(this.#of(request), upload),
      onResponseError: async (_request, error) => plainError(error),
    });
  }

  /** Throws StorageApiError only for tokens: those refusals alone are JSON. */
  async handle(exchange: Exchange): Promise<Reply> {
    const { jwtSecret, now } = this.#environment;
    const caller = exchange.method === 'OPTIONS' ? undefined : callerOf(exchange, jwtSecret, now());
    const request = webRequest(exchange);
    this.#running.set(request, { exchange, caller });
    const response = await this.#server.handleWeb(request as HookRequest);
    const headers = Object.fromEntries(response.headers);
    if (exchange.method === 'HEAD' && hasFalseSuccess(exchange)) toldLate(headers);
    const text = await response.text();
    return { status: response.status, headers, body: text === '' ? undefined : text };
  }

  #of(request: object): TusRequest {
    const running = this.#running.get(request);
    if (running === undefined) throw new Error('a hook ran for a request that is not running');
    return running;
  }

  #bucket(id: string): BucketRow {
    const row = this.#environment.store.bucket(id);
    if (row === undefined) throw refusals.noBucket();
    return row;
  }

  /** Before its creation an upload has no id yet: the bucket is in the metadata header. */
  #maxSize(exchange: Exchange, id: string | null): number {
    const header = String(exchange.headers['upload-metadata'] ?? '');
    const bucketId = id === null ? metadataValue(header, 'bucketName') : splitId(id).bucketId;
    const limit = this.#environment.store.bucket(bucketId)?.file_size_limit ?? Number.POSITIVE_INFINITY;
    return Math.min(limit, this.#environment.fileSizeLimit);
  }

  #authorise({ exchange, caller }: TusRequest, id: string): void {
    if (exchange.method === 'HEAD') return;
    const { bucketId, key } = splitId(id);
    if (caller?.bypassesPolicies !== true) throw refusals.rowLevelSecurity();
    this.#bucket(bucketId);
    this.#assertFree(exchange, bucketId, key);
  }

  #assertFree(exchange: Exchange, bucketId: string, key: string): void {
    const taken = this.#environment.store.object(bucketId, key) !== undefined;
    if (taken && exchange.headers['x-upsert'] !== 'true' && exchange.method !== 'DELETE') throw refusals.keyExists();
  }

  /** Without a contentType nothing is checked. */
  #prepare(upload: Upload): { metadata: Record<string, string | null> } {
    const bucket = this.#bucket(splitId(upload.id).bucketId);
    const type = upload.metadata?.contentType;
    if (typeof type === 'string' && !isAllowedMimeType(type, bucket.allowed_mime_types)) throw refusals.mimeType(type);
    const seconds = upload.metadata?.cacheControl ?? '';
    const cacheControl = /^-?\d+$/.test(seconds ?? '') ? `max-age=${seconds}` : 'no-cache';
    return { metadata: { ...upload.metadata, cacheControl } };
  }

  async #finish({ exchange }: TusRequest, upload: Upload): Promise<{ headers: Record<string, string> }> {
    const { bucketId, key, version } = splitId(upload.id);
    if (hasFalseSuccess(exchange)) throw refusals.internal('Internal server error');
    this.#assertFree(exchange, bucketId, key);
    const segments = this.#uploads.takeSegments(upload.id);
    const metadata = upload.metadata ?? {};
    await this.#environment.store.put({
      bucketId,
      name: key,
      version,
      updatedAt: new Date(this.#environment.now()).toISOString(),
      sizeBytes: segments.reduce((sum, segment) => sum + segment.sizeBytes, 0),
      mimeType: metadata.contentType ?? 'application/octet-stream',
      cacheControl: metadata.cacheControl ?? 'no-cache',
      etag: `"${createHash('md5').update(version).digest('hex')}-${segments.length}"`,
      userMetadata: parseMetadata(metadata.metadata),
      segments,
    });
    return { headers: { 'Tus-Complete': '1' } };
  }
}

/** The body ends where the connection broke, so that what had arrived by then is kept. */
function webRequest(exchange: Exchange): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(exchange.headers)) headers.set(name, String(value));
  const url = `http://${exchange.headers.host ?? '127.0.0.1'}${exchange.path}`;
  const hasBody = exchange.method === 'PATCH' || exchange.method === 'POST';
  const body = hasBody ? Readable.toWeb(Readable.from(untilBroken(exchange.body))) : undefined;
  const init = { method: exchange.method, headers, body, duplex: 'half' };
  return new Request(url, init as RequestInit);
}

async function* untilBroken(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  try {
    yield* body;
  } catch {
    return;
  }
}

function toldLate(headers: Record<string, string>): void {
  const offset = Number(headers['upload-offset'] ?? 0);
  headers['upload-offset'] = String(offset - (offset % DOCUMENTED_CHUNK_BYTES));
}

function plainError(error: Error | { status_code: number; body: string }) {
  if (!(error instanceof StorageApiError)) return undefined;
  return { status_code: error.statusCode, body: error.message };
}

function uploadId(metadata: Record<string, string | null> | undefined): string {
  const [bucketId, key] = [metadata?.bucketName ?? '', metadata?.objectName ?? ''];
  if (!isValidKey(key)) throw refusals.invalidKey(key);
  return `${bucketId}/${key}/${randomUUID()}`;
}

function splitId(id: string): { bucketId: string; key: string; version: string } {
  const parts = id.split('/');
  return { bucketId: parts[0] ?? '', key: parts.slice(1, -1).join('/'), version: parts.at(-1) ?? '' };
}

function encodeId(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function decodeId(path: string): string | undefined {
  const encoded = path.slice(TUS_PATH.length + 1);
  return encoded === '' ? undefined : Buffer.from(encoded, 'base64url').toString();
}

function metadataValue(header: string, name: string): string {
  const pair = header.split(',').find((each) => each.trim().startsWith(`${name} `));
  return Buffer.from(pair?.trim().slice(name.length + 1) ?? '', 'base64').toString();
}
