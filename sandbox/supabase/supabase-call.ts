import type { Exchange } from '@/sandbox/exchange.ts';
import { readAll } from '@/sandbox/exchange.ts';
import type { Caller } from './caller.ts';
import type { BucketRow, ObjectRow } from './object-rows.ts';
import { isValidKey } from './object-rows.ts';
import { refusals } from './storage-api-error.ts';
import type { SupabaseStore } from './supabase-store.ts';

export interface SupabaseEnvironment {
  store: SupabaseStore;
  jwtSecret: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Of any object, whatever its bucket allows. */
  fileSizeLimit: number;
  /** The S3 backend answers 500 for a range that cannot be satisfied. */
  backend: 'file' | 's3';
}

const MAX_JSON_BYTES = 1 << 20;

/** One request on its way through a REST handler. */
export class SupabaseCall {
  readonly exchange: Exchange;
  readonly environment: SupabaseEnvironment;
  /** Path after the route, decoded: `bucket/key`. */
  readonly rest: string;
  readonly #caller: () => Caller;

  constructor(exchange: Exchange, environment: SupabaseEnvironment, parts: { rest: string; caller: () => Caller }) {
    this.exchange = exchange;
    this.environment = environment;
    this.rest = parts.rest;
    this.#caller = parts.caller;
  }

  get store(): SupabaseStore {
    return this.environment.store;
  }

  /** Throws for a token that cannot be trusted. */
  get caller(): Caller {
    return this.#caller();
  }

  get bucketId(): string {
    return this.rest.split('/')[0] ?? '';
  }

  get key(): string {
    return this.rest.slice(this.bucketId.length + 1);
  }

  get isUpsert(): boolean {
    return this.exchange.headers['x-upsert'] === 'true';
  }

  nowIso(): string {
    return new Date(this.environment.now()).toISOString();
  }

  bucket(id: string = this.bucketId): BucketRow {
    const row = this.store.bucket(id);
    if (row === undefined) throw refusals.noBucket();
    return row;
  }

  /** The caller's view: hidden rows look absent. */
  object(bucketId: string = this.bucketId, key: string = this.key): ObjectRow {
    if (!this.caller.bypassesPolicies) throw refusals.noKey();
    this.bucket(bucketId);
    const row = this.store.object(bucketId, key);
    if (row === undefined) throw refusals.noKey();
    return row;
  }

  validKey(key: string): string {
    if (!isValidKey(key)) throw refusals.invalidKey(key);
    return key;
  }

  /** An empty body is an empty object. */
  async json(): Promise<Record<string, unknown>> {
    const text = (await readAll(this.exchange.body, MAX_JSON_BYTES)).toString();
    try {
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    } catch {
      throw refusals.invalidRequest('Body is not valid JSON but content-type is set to application/json');
    }
  }
}
