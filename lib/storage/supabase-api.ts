import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { type HttpCall, HttpClient, type HttpReply, type SmallReply } from '@/lib/storage/http-client.ts';
import { networkError } from '@/lib/storage/network-errors.ts';
import type { StorageErrorCode } from '@/lib/storage/storage-error.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import { type SupabaseStoreConfig, uploadUrlOf } from '@/lib/storage/supabase-config.ts';
import { faultOf, isSuccess, supabaseError } from '@/lib/storage/supabase-errors.ts';

export type SupabaseCall = Omit<HttpCall, 'url'> & { path: string };

const MAX_ERROR_BYTES = 65_536;

/** Requests to Supabase Storage, with the service key, and its errors made sense of. */
export class SupabaseApi {
  readonly config: SupabaseStoreConfig;
  private readonly guard: EndpointGuard;
  private readonly base: string;
  private readonly uploadBase: string;

  /** Throws `endpoint_refused` for a URL that may not be connected to. */
  constructor(config: SupabaseStoreConfig, guard: EndpointGuard) {
    this.config = config;
    this.guard = guard;
    this.base = this.storageBase(config.url);
    this.uploadBase = this.storageBase(uploadUrlOf(config));
  }

  /** The public address of a path of the API. */
  urlOf(path: string): string {
    return `${this.base}${path}`;
  }

  /** Sends and reads a small answer whole. Throws StorageError unless it is a success. */
  async request(call: SupabaseCall, context: StorageErrorContext): Promise<SmallReply> {
    const reply = await this.client(context).send(this.prepared(call, this.base));
    if (isSuccess(reply)) return reply;
    throw await this.explain(reply, context, call.signal);
  }

  /** Sends and hands out the body of a success. */
  async open(call: SupabaseCall, context: StorageErrorContext): Promise<HttpReply> {
    const reply = await this.client(context).open(this.prepared(call, this.base));
    if (reply.status >= 200 && reply.status < 300) return reply;
    throw await this.explain(await readSmall(reply, context), context, call.signal);
  }

  /** Any answer of the resumable endpoint: its statuses are true, and mean something to the caller. */
  resumable(call: SupabaseCall, context: StorageErrorContext): Promise<SmallReply> {
    const headers = { 'tus-resumable': '1.0.0', ...call.headers };
    return this.client(context).send(this.prepared({ ...call, headers }, this.uploadBase));
  }

  /** What is wrong with bucket or key, undefined when nothing is. */
  async bucketFault(context: StorageErrorContext, signal?: AbortSignal): Promise<StorageError | undefined> {
    const call = { method: 'GET', path: `/bucket/${encodeURIComponent(this.config.bucket)}`, signal } as const;
    const reply = await this.client(context).send(this.prepared(call, this.base));
    if (isSuccess(reply)) return undefined;
    // The bucket is asked with the key alone: denied here means that the key itself is not accepted.
    const denied = faultOf(reply).code === 'AccessDenied';
    return denied ? recoded(reply, 'unauthorized', context) : supabaseError(reply, context);
  }

  /**
   * A wrong key makes uploads `AccessDenied` and reads `Bucket not found`; so does a missing permission or bucket. The
   * bucket itself tells them apart.
   */
  async explain(reply: SmallReply, context: StorageErrorContext, signal?: AbortSignal): Promise<StorageError> {
    const error = supabaseError(reply, context);
    if (error.code !== 'forbidden' && error.code !== 'bucket_not_found') return error;
    const fault = await this.bucketFault(context, signal);
    if (error.code === 'forbidden') return fault?.code === 'unauthorized' ? fault : error;
    return fault ?? error;
  }

  private client(context: StorageErrorContext): HttpClient {
    return new HttpClient(this.guard, context);
  }

  private prepared(call: SupabaseCall, base: string): HttpCall {
    const { path, ...rest } = call;
    const key = this.config.serviceRoleKey;
    return {
      ...rest,
      url: new URL(`${base}${path}`),
      headers: { authorization: `Bearer ${key}`, apikey: key, ...call.headers },
    };
  }

  private storageBase(url: string): string {
    try {
      return `${this.guard.parseEndpoint(url).href.replace(/\/+$/, '')}/storage/v1`;
    } catch (error) {
      throw networkError(error, { provider: 'supabase', operation: 'probe' });
    }
  }
}

/** The path of an object, each segment encoded. */
export function objectPath(bucket: string, key: string): string {
  return [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
}

export function jsonBody(value: unknown): Pick<HttpCall, 'body'> & { headers: Record<string, string> } {
  return { body: Buffer.from(JSON.stringify(value)), headers: { 'content-type': 'application/json' } };
}

function recoded(reply: SmallReply, code: StorageErrorCode, context: StorageErrorContext): StorageError {
  const { detail } = supabaseError(reply, context);
  return new StorageError(code, { ...context, detail });
}

async function readSmall(reply: HttpReply, context: StorageErrorContext): Promise<SmallReply> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of reply.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ERROR_BYTES) break;
    }
  } catch (error) {
    throw networkError(error, context);
  }
  return { ...reply, body: Buffer.concat(chunks) };
}
