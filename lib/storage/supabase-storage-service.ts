import { rangeHeader, resolveRange } from '@/lib/storage/byte-range.ts';
import { type DatasetBody, putDataset } from '@/lib/storage/dataset-upload.ts';
import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { checkKey, checkPrefix } from '@/lib/storage/key-rules.ts';
import { readByGet } from '@/lib/storage/read-whole.ts';
import { responseBody } from '@/lib/storage/response-body.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';
import type {
  DeleteOptions,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectReader,
  ObjectStat,
  PresignOptions,
  PutOptions,
  ReadObject,
  ReadOptions,
  ReplayableBody,
  SignedUrl,
  StatOptions,
  StorageCapabilities,
  StorageService,
  StoredObject,
  UploadState,
} from '@/lib/storage/storage-service.ts';
import { jsonBody, objectPath, SupabaseApi } from '@/lib/storage/supabase-api.ts';
import {
  MAX_SUPABASE_OBJECT_BYTES,
  RESUMABLE_ABOVE_BYTES,
  type SupabaseStoreConfig,
} from '@/lib/storage/supabase-config.ts';
import { confirmObject, objectInfo } from '@/lib/storage/supabase-info.ts';
import { listObjects } from '@/lib/storage/supabase-listing.ts';
import { signObject } from '@/lib/storage/supabase-signing.ts';
import { uploadWhole } from '@/lib/storage/supabase-standard-upload.ts';
import { readTusState, SupabaseTusUpload, terminateUpload } from '@/lib/storage/supabase-tus.ts';

/**
 * Supabase Storage over its own API. Limits: 50 MB in one request on the Free plan, then resumably in chunks of 6 MiB to
 * about 62.9 GB; upload URLs live 24 h (1 h when self-hosted). `ifAbsent` is not atomic there, so it is no capability:
 * keys are unique instead. Errors are told by the body's code, because nearly all of them come as HTTP 400.
 */
export interface SupabaseStorageDependencies {
  guard: EndpointGuard;
  now?: () => Date;
  /** Where streams without a length are kept while they are uploaded. Default: the system's temporary folder. */
  spoolFolder?: string;
}

type Operation = StorageErrorContext['operation'];

export class SupabaseStorageService implements StorageService {
  readonly provider = 'supabase';
  readonly bucket: string;
  readonly endpoint: string;
  readonly region = undefined;
  readonly capabilities: StorageCapabilities = {
    conditionalPut: false,
    versioning: false,
    resumablePut: true,
    nativePresign: true,
    maxObjectBytes: MAX_SUPABASE_OBJECT_BYTES,
  };
  private readonly api: SupabaseApi;
  private readonly now: () => Date;
  private readonly spoolFolder: string | undefined;

  /** Makes no request. Throws `endpoint_refused` for a URL that may not be connected to. */
  constructor(config: SupabaseStoreConfig, dependencies: SupabaseStorageDependencies) {
    this.bucket = config.bucket;
    this.endpoint = config.url;
    this.api = new SupabaseApi(config, dependencies.guard);
    this.now = dependencies.now ?? (() => new Date());
    this.spoolFolder = dependencies.spoolFolder;
  }

  async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    this.check(key, 'put', options);
    if (body.sizeBytes > (this.api.config.resumableAboveBytes ?? RESUMABLE_ABOVE_BYTES)) {
      return new SupabaseTusUpload(this.api, key, body, options, this.now).run();
    }
    await uploadWhole(this.api, key, body, options);
    return confirmObject(this.api, key, body, options);
  }

  /** Asks for the object's facts first: they are not in the answer of a download, and a bad range is no clear error there. */
  async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    this.check(key, 'get', options);
    const context = { provider: 'supabase', operation: 'get', key } as const;
    const stat = await objectInfo(this.api, key, context, options.signal);
    const range = resolveRange(stat.sizeBytes, options.range, context);
    const whole = options.range === undefined;
    const path = `/object/authenticated/${objectPath(this.bucket, key)}`;
    const headers: Record<string, string> = whole ? {} : { range: rangeHeader(range) ?? '' };
    const reply = await this.api.open({ method: 'GET', path, headers, signal: options.signal }, context);
    const expectedBytes = range.end - range.start;
    const body = responseBody(reply.body, { expectedBytes, context, signal: options.signal });
    if (reply.status === (whole ? 200 : 206)) return { stat, body };
    body.destroy();
    throw new StorageError('corrupt', {
      ...context,
      detail: `status ${reply.status} for ${whole ? 'the whole' : 'a range'}`,
    });
  }

  read(key: string, options: ReadOptions): Promise<ReadObject> {
    return readByGet((...call) => this.get(...call), key, options, { provider: 'supabase', operation: 'get', key });
  }

  async stat(key: string, options: StatOptions = {}): Promise<ObjectStat> {
    this.check(key, 'stat', options);
    return objectInfo(this.api, key, { provider: 'supabase', operation: 'stat', key }, options.signal);
  }

  /** A removal that was not allowed, or had no bucket, answers like one of nothing: the object is asked for afterwards. */
  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    this.check(key, 'delete', options);
    const context = { provider: 'supabase', operation: 'delete', key } as const;
    const path = `/object/${encodeURIComponent(this.bucket)}`;
    await this.api.request(
      { method: 'DELETE', path, ...jsonBody({ prefixes: [key] }), signal: options.signal },
      context,
    );
    const left = await objectInfo(this.api, key, context, options.signal).catch((error) => {
      if (StorageError.is(error, 'not_found')) return undefined;
      throw error;
    });
    if (left !== undefined) throw new StorageError('forbidden', { ...context, detail: 'the object is still there' });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    checkPrefix(prefix, { provider: 'supabase', operation: 'list' });
    return listObjects(this.api, prefix, options);
  }

  async presignGet(key: string, options: PresignOptions): Promise<SignedUrl> {
    this.check(key, 'presign', options);
    return signObject(this.api, key, options);
  }

  async abortUpload(state: UploadState): Promise<void> {
    const ours = readTusState(state);
    if (ours === undefined || ours.bucket !== this.bucket) {
      const detail = 'not an upload of this store';
      throw new StorageError('invalid_request', { provider: 'supabase', operation: 'abort', detail });
    }
    await terminateUpload(this.api, ours);
  }

  async probe(signal?: AbortSignal): Promise<void> {
    const fault = await this.api.bucketFault({ provider: 'supabase', operation: 'probe' }, signal);
    if (fault !== undefined) throw fault;
  }

  /** Stores a dataset under its usual key and returns the key. A stream goes through a temporary file. */
  uploadDataset(body: DatasetBody, userId: string, datasetId: string): Promise<string> {
    return putDataset(this, body, { userId, datasetId, spoolFolder: this.spoolFolder });
  }

  async generateDownloadUrl(key: string, expiresInSeconds = 7200): Promise<string> {
    return (await this.presignGet(key, { expiresInSeconds })).url;
  }

  private check(key: string, operation: Operation, options: { versionId?: string; signal?: AbortSignal }): void {
    checkKey(key, { provider: 'supabase', operation });
    const context = { provider: 'supabase', operation, key } as const;
    if (options.signal?.aborted) throw new StorageError('aborted', { ...context, cause: options.signal.reason });
    if (options.versionId === undefined) return;
    throw new StorageError('invalid_request', { ...context, detail: 'this store keeps no versions' });
  }
}
