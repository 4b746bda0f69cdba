import type { Readable } from 'node:stream';
import type { ReplayableBody } from '@/lib/streams/replayable-body.ts';

export type { ReplayableBody } from '@/lib/streams/replayable-body.ts';

/** The contract every store and every layer keeps. The conformance suite in tests/conformance is its definition in code. */
export type StorageProvider = 's3' | 'supabase' | 'filesystem';

/** Half-open byte range [start, end). `end` may lie past the object's end; `start` may not. */
export interface ByteRange {
  start: number;
  end?: number;
}

export interface ObjectStat {
  key: string;
  sizeBytes: number;
  contentType: string | undefined;
  /** Lower-case keys. Values are printable ASCII. */
  metadata: Readonly<Record<string, string>>;
  versionId: string | undefined;
  /** The store's own tag: quoted or not, never a content hash, never compared for identity. */
  etag: string | undefined;
  lastModified: Date | undefined;
}

export interface StoredObject {
  key: string;
  sizeBytes: number;
  versionId: string | undefined;
}

export interface ObjectReader {
  stat: ObjectStat;
  /** MUST be consumed or destroyed. Errors with StorageError. */
  body: Readable;
}

/** Where a put keeps what another process needs to go on with it: a multipart upload id and parts, a TUS URL. */
export interface UploadJournal {
  load(): Promise<UploadState | undefined>;
  /** MUST be durable when it resolves. Called as each piece is acknowledged. */
  save(state: UploadState): Promise<void>;
  clear(): Promise<void>;
}

/** Opaque to everyone but the store that wrote it. Contains no secret. */
export type UploadState = { readonly provider: StorageProvider } & Readonly<Record<string, unknown>>;

export interface PutOptions {
  contentType?: string;
  metadata?: Record<string, string>;
  /** Refuse with `already_exists` when the key is taken, where `capabilities.conditionalPut`. */
  ifAbsent?: boolean;
  journal?: UploadJournal;
  /**
   * Nobody but the holder of this journal writes this key, and the body never changes: acknowledged pieces are not read
   * again, unfinished uploads of the key that the journal does not know are given up, and a store that acknowledged a
   * small object is not asked what it has. The whole MUST be read back, with its metadata.
   */
  soleWriter?: boolean;
  /** Total bytes the store has acknowledged so far. Never decreases except after a knowing restart. */
  onProgress?: (sentBytes: number) => void;
  signal?: AbortSignal;
}

export interface GetOptions {
  range?: ByteRange;
  versionId?: string;
  signal?: AbortSignal;
}

export interface ReadOptions extends GetOptions {
  /** More than so many bytes are not read into memory: `too_large`. */
  maxBytes: number;
  /** Total bytes received so far. Begins anew when the call is repeated. */
  onProgress?: (receivedBytes: number) => void;
  /**
   * Memory that the bytes are put into where they fit: the answer is then a view of its beginning. After a failed call it
   * MUST NOT be used for anything else: bytes may still come.
   */
  into?: Buffer;
}

export interface ReadObject {
  stat: ObjectStat;
  bytes: Buffer;
}

export interface StatOptions {
  versionId?: string;
  signal?: AbortSignal;
}

export interface DeleteOptions {
  /** Remove this version only. */
  versionId?: string;
  /** Remove every version and delete marker of the key, in versioned buckets. */
  allVersions?: boolean;
  /** Give up unfinished uploads of the key too, where the store can list them. */
  unfinished?: boolean;
  signal?: AbortSignal;
}

export interface ListOptions {
  cursor?: string;
  /** At most this many; the store may return fewer and still have more. 1 to 1000, default 1000. */
  limit?: number;
  signal?: AbortSignal;
}

export interface ListPage {
  /** In ascending byte order of key. `metadata` may be empty in listings: stat for it. */
  objects: ObjectStat[];
  nextCursor: string | undefined;
}

export interface PresignOptions {
  expiresInSeconds: number;
  versionId?: string;
  /** Suggested file name for a browser; sanitised by the service. */
  filename?: string;
}

export interface SignedUrl {
  url: string;
  /** When it really stops working, session credentials included. */
  expiresAt: Date;
}

export interface StorageCapabilities {
  conditionalPut: boolean;
  versioning: boolean;
  resumablePut: boolean;
  /** Signed URLs are served by the store itself (true) or by this installation (false). */
  nativePresign: boolean;
  /** undefined: no limit of its own. */
  maxObjectBytes: number | undefined;
}

/** closed: calls go through. open: the store failed again and again and is left alone. half_open: one call tries it. */
export type CircuitView = 'closed' | 'open' | 'half_open';

export interface StorageService {
  readonly provider: StorageProvider;
  /** Bucket name; for the filesystem the name it was given, by default the resolved root directory. */
  readonly bucket: string;
  /** Undefined where the provider has none (filesystem, plain AWS). */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly capabilities: StorageCapabilities;
  /** Undefined where no layer watches how the store fares. */
  readonly circuit?: CircuitView | undefined;

  /**
   * Stores the whole body under `key`. The object MUST become visible only when complete, and be durable when this
   * resolves; a failed or aborted put leaves nothing visible. The store's own count of bytes MUST equal body.sizeBytes.
   */
  put(key: string, body: ReplayableBody, options?: PutOptions): Promise<StoredObject>;
  /** `not_found` when absent. A range that starts at or past the end is `invalid_request`. */
  get(key: string, options?: GetOptions): Promise<ObjectReader>;
  /** The same bytes in one piece, for objects and ranges that fit into memory: without the cost of a stream. */
  read(key: string, options: ReadOptions): Promise<ReadObject>;
  stat(key: string, options?: StatOptions): Promise<ObjectStat>;
  /** Absent is fine. Durable when it resolves. */
  delete(key: string, options?: DeleteOptions): Promise<void>;
  list(prefix: string, options?: ListOptions): Promise<ListPage>;
  /** Signing may succeed for an object that is missing: stat or probe first. */
  presignGet(key: string, options: PresignOptions): Promise<SignedUrl>;
  /** Gives up an unfinished put and frees what the store keeps of it. Already gone is fine. */
  abortUpload(state: UploadState): Promise<void>;
  /** Cheapest call that proves store, bucket and credentials work. Throws StorageError. */
  probe(signal?: AbortSignal): Promise<void>;
}
