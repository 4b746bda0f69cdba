import { type AdminRequest, readAll } from '@/sandbox/exchange.ts';
import type { Bucket } from './bucket.ts';
import type { ObjectVersion } from './object-model.ts';
import type { S3Store } from './s3-store.ts';

export interface ObjectFacts {
  key: string;
  versionId: string;
  isDeleteMarker: boolean;
  sizeBytes: number;
  etag: string;
  contentType: string;
  metadata: Record<string, string>;
  tags: Record<string, string>;
}

/** What is really in the store, past every check: for assertions, and for damage behind the clients' backs. */
export class S3Objects {
  readonly #store: S3Store;
  readonly #defaultBucket: string;

  constructor(store: S3Store, defaultBucket: string) {
    this.#store = store;
    this.#defaultBucket = defaultBucket;
  }

  /** Keys of visible objects, sorted. */
  keys(bucket: string = this.#defaultBucket): string[] {
    const found = this.#bucket(bucket);
    return found.keys.filter((key) => found.current(key) !== undefined);
  }

  stat(key: string, bucket?: string): ObjectFacts | undefined {
    const version = this.#bucket(bucket).current(key);
    return version === undefined ? undefined : factsOf(version);
  }

  /** Every version and delete marker, newest first. */
  versions(key: string, bucket?: string): ObjectFacts[] {
    return this.#bucket(bucket).versionsOf(key).map(factsOf);
  }

  /** Throws when absent. */
  async read(key: string, bucket?: string): Promise<Buffer> {
    return await readAll(this.stream(key, bucket), Number.MAX_SAFE_INTEGER);
  }

  stream(key: string, bucket?: string): AsyncIterable<Buffer> {
    return this.#store.files.read(this.#current(key, bucket).segments);
  }

  /** All versions vanish without a marker, as if lost. */
  async remove(key: string, bucket?: string): Promise<void> {
    const found = this.#bucket(bucket);
    for (const version of [...found.versionsOf(key)]) await found.remove(version);
  }

  /** Flips one bit; size, date, ETag and recorded checksums stay. */
  async corrupt(key: string, atByte = 0, bucket?: string): Promise<void> {
    await this.#store.files.flipBit(this.#current(key, bucket).segments, atByte);
  }

  /** Keys with unfinished multipart uploads, one entry an upload. */
  unfinishedUploads(bucket?: string): { key: string; uploadId: string; parts: number }[] {
    const uploads = this.#bucket(bucket).uploads.list();
    return uploads.map(({ key, uploadId, parts }) => ({ key, uploadId, parts: parts.size }));
  }

  /** `objects[/key]?bucket=`: GET facts, DELETE, POST { "corrupt": byte }. */
  async admin({ method, parts, query, body }: AdminRequest): Promise<unknown> {
    if (parts[0] !== 'objects') return undefined;
    const bucket = query.get('bucket') ?? undefined;
    const key = parts.slice(1).join('/');
    if (key === '') return this.keys(bucket).map((each) => this.stat(each, bucket));
    if (method === 'DELETE') await this.remove(key, bucket);
    if (method === 'POST') await this.corrupt(key, (body as { corrupt?: number }).corrupt, bucket);
    return { key, object: this.stat(key, bucket) ?? null };
  }

  #bucket(name: string = this.#defaultBucket): Bucket {
    const bucket = this.#store.get(name);
    if (bucket === undefined) throw new Error(`the sandbox has no bucket ${name}`);
    return bucket;
  }

  #current(key: string, bucket?: string): ObjectVersion {
    const version = this.#bucket(bucket).current(key);
    if (version === undefined) throw new Error(`the sandbox has no object ${key}`);
    return version;
  }
}

function factsOf(version: ObjectVersion): ObjectFacts {
  const { key, versionId, isDeleteMarker, sizeBytes, etag, contentType, metadata, tags } = version;
  return { key, versionId, isDeleteMarker, sizeBytes, etag, contentType, metadata, tags };
}
