import { type AdminRequest, readAll } from '@/sandbox/exchange.ts';
import type { ObjectRow } from './object-rows.ts';
import type { SupabaseStore } from './supabase-store.ts';
import type { TusStore } from './tus-store.ts';

/** What is really in the store, past every check: for assertions, and for damage behind the clients' backs. */
export class SupabaseObjects {
  readonly #store: SupabaseStore;
  readonly #uploads: TusStore;
  readonly #defaultBucket: string;

  constructor(store: SupabaseStore, uploads: TusStore, defaultBucket: string) {
    this.#store = store;
    this.#uploads = uploads;
    this.#defaultBucket = defaultBucket;
  }

  keys(bucket: string = this.#defaultBucket): string[] {
    return this.#store.objects(bucket).map((row) => row.name);
  }

  stat(key: string, bucket: string = this.#defaultBucket): Readonly<ObjectRow> | undefined {
    return this.#store.object(bucket, key);
  }

  /** Throws when absent. */
  async read(key: string, bucket?: string): Promise<Buffer> {
    return await readAll(this.stream(key, bucket), Number.MAX_SAFE_INTEGER);
  }

  stream(key: string, bucket?: string): AsyncIterable<Buffer> {
    return this.#store.files.read(this.#row(key, bucket).segments);
  }

  async remove(key: string, bucket?: string): Promise<void> {
    await this.#store.remove(this.#row(key, bucket));
  }

  /** Flips one bit; size, date, ETag and metadata stay. */
  async corrupt(key: string, atByte = 0, bucket?: string): Promise<void> {
    await this.#store.files.flipBit(this.#row(key, bucket).segments, atByte);
  }

  unfinishedUploads(): { id: string; offset: number; sizeBytes: number | undefined }[] {
    return this.#uploads.unfinished();
  }

  /** Upload URLs answer 410 from now on. */
  expireUploads(): void {
    this.#uploads.expireAll();
  }

  /** Upload URLs answer 404 from now on, as after the server's own cleaning. */
  async forgetUploads(): Promise<void> {
    this.#uploads.expireAll();
    await this.#uploads.deleteExpired();
  }

  /** `objects[/key]?bucket=`: GET facts, DELETE, POST { "corrupt": byte }. `uploads`: GET, DELETE. */
  async admin({ method, parts, query, body }: AdminRequest): Promise<unknown> {
    if (parts[0] === 'uploads') {
      if (method === 'DELETE') await this.forgetUploads();
      return this.unfinishedUploads();
    }
    if (parts[0] !== 'objects') return undefined;
    const bucket = query.get('bucket') ?? undefined;
    const key = parts.slice(1).join('/');
    if (key === '') return this.keys(bucket).map((each) => this.stat(each, bucket));
    if (method === 'DELETE') await this.remove(key, bucket);
    if (method === 'POST') await this.corrupt(key, (body as { corrupt?: number }).corrupt, bucket);
    return { key, object: this.stat(key, bucket) ?? null };
  }

  #row(key: string, bucket: string = this.#defaultBucket): ObjectRow {
    const row = this.#store.object(bucket, key);
    if (row === undefined) throw new Error(`the sandbox has no object ${key}`);
    return row;
  }
}
