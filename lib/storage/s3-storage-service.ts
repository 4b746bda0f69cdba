import { rangeHeader } from '@/lib/storage/byte-range.ts';
import { type DatasetBody, putDataset } from '@/lib/storage/dataset-upload.ts';
import { type EndpointGuard, EndpointRefusedError } from '@/lib/storage/endpoint-guard.ts';
import { checkKey, checkPrefix } from '@/lib/storage/key-rules.ts';
import { networkError } from '@/lib/storage/network-errors.ts';
import { tooLarge } from '@/lib/storage/read-whole.ts';
import { responseBody } from '@/lib/storage/response-body.ts';
import { endpointOf } from '@/lib/storage/s3-client.ts';
import { DEFAULT_REGION, type S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { statOfReply } from '@/lib/storage/s3-headers.ts';
import { listPage } from '@/lib/storage/s3-listing.ts';
import { abortMultipart, abortUnfinished, S3MultipartUpload } from '@/lib/storage/s3-multipart.ts';
import { S3Presigner } from '@/lib/storage/s3-presign.ts';
import { profileOfEndpoint, type S3Profile, s3Profile } from '@/lib/storage/s3-profile.ts';
import { confirmStored, putWhole } from '@/lib/storage/s3-put.ts';
import { bucketFault, headObject, openSession, type S3Session } from '@/lib/storage/s3-session.ts';
import { DEFAULT_PART_BYTES, readS3State } from '@/lib/storage/s3-upload-state.ts';
import { deleteAllVersions, deleteOne } from '@/lib/storage/s3-versions.ts';
import type { ObjectRequest } from '@/lib/storage/s3-wire.ts';
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

/**
 * AWS S3 and stores that speak its protocol. Limits: 5 TiB an object, 10,000 parts of 5 MiB to 5 GiB, 1,024 bytes of key,
 * 2 KB of metadata; a presigned URL lives at most 7 days, and never longer than the session that signed it. ETags are no
 * hashes: identity is the SHA-256 in the metadata, proven by reading back.
 */
export interface S3StorageDependencies {
  guard: EndpointGuard;
  now?: () => Date;
  /** Where streams without a length are kept while they are uploaded. Default: the system's temporary folder. */
  spoolFolder?: string;
}

const MAX_OBJECT_BYTES = 5 * 1024 ** 4;

export class S3StorageService implements StorageService {
  readonly provider = 's3';
  readonly bucket: string;
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly profile: S3Profile;
  readonly capabilities: StorageCapabilities;
  private readonly session: S3Session;
  private readonly presigner: S3Presigner;
  private readonly spoolFolder: string | undefined;

  /** Makes no request. Throws `endpoint_refused` for an endpoint that may not be connected to. */
  constructor(config: S3StoreConfig, dependencies: S3StorageDependencies) {
    const { guard, now = () => new Date(), spoolFolder } = dependencies;
    this.bucket = config.bucket;
    this.endpoint = config.endpoint;
    this.region = config.region ?? DEFAULT_REGION;
    this.profile = profileOf(config);
    this.spoolFolder = spoolFolder;
    this.capabilities = {
      conditionalPut: this.profile.conditionalPut,
      versioning: config.versioned ?? false,
      resumablePut: true,
      nativePresign: true,
      maxObjectBytes: MAX_OBJECT_BYTES,
    };
    const endpoint = withRefusal(() => endpointOf(config, guard));
    this.session = withRefusal(() => openSession(config, this.profile, { guard, now }));
    this.presigner = new S3Presigner({ config, endpoint, pathStyle: this.profile.pathStyle, now });
  }

  async put(key: string, body: ReplayableBody, options: PutOptions = {}): Promise<StoredObject> {
    this.check(key, 'put', options.signal);
    const single = body.sizeBytes <= (this.session.config.partSizeBytes ?? DEFAULT_PART_BYTES);
    if (!single) return new S3MultipartUpload(this.session, key, body, options).run();
    const versionId = await putWhole(this.session, key, body, options);
    if (options.soleWriter) return { key, sizeBytes: body.sizeBytes, versionId };
    return confirmStored(this.session, key, body, options, versionId);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectReader> {
    this.check(key, 'get', options.signal);
    const context = { provider: 's3', operation: 'get', key } as const;
    const reply = await this.session.wire.open(getRequest(key, options), context);
    const length = reply.headers['content-length'];
    const expectedBytes = length === undefined ? undefined : Number(length);
    const body = responseBody(reply.body, { expectedBytes, context, signal: options.signal });
    return { stat: statOfReply(key, reply), body };
  }

  async read(key: string, options: ReadOptions): Promise<ReadObject> {
    this.check(key, 'get', options.signal);
    const context = { provider: 's3', operation: 'get', key } as const;
    const { maxBytes, onProgress, into } = options;
    let seen = 0;
    const onBytes = (count: number) => {
      seen += count;
      onProgress?.(seen);
    };
    // One byte more: an object of exactly so many bytes is read to its end, and its connection stays in use.
    const reading = { maxBytes: maxBytes + 1, onBytes, into };
    const reply = await this.session.wire.send(getRequest(key, options), context, reading);
    if (reply.body.length > maxBytes) throw tooLarge(maxBytes, context);
    return { stat: statOfReply(key, reply), bytes: reply.body };
  }

  async stat(key: string, options: StatOptions = {}): Promise<ObjectStat> {
    this.check(key, 'stat', options.signal);
    return headObject(this.session, key, options, { provider: 's3', operation: 'stat', key });
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    this.check(key, 'delete', options.signal);
    if (options.unfinished) await abortUnfinished(this.session, key, options.signal);
    if (options.allVersions) return deleteAllVersions(this.session, key, options);
    return deleteOne(this.session, key, options);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    checkPrefix(prefix, { provider: 's3', operation: 'list' });
    return listPage(this.session, prefix, options);
  }

  async presignGet(key: string, options: PresignOptions): Promise<SignedUrl> {
    this.check(key, 'presign', undefined);
    if (this.profile.presign) return this.presigner.sign(key, options);
    const detail = `${this.profile.name} accepts no presigned URLs`;
    throw new StorageError('invalid_request', { provider: 's3', operation: 'presign', key, detail });
  }

  async abortUpload(state: UploadState): Promise<void> {
    const ours = readS3State(state);
    if (ours === undefined || ours.bucket !== this.bucket) {
      throw new StorageError('invalid_request', {
        provider: 's3',
        operation: 'abort',
        detail: 'not an upload of this store',
      });
    }
    await abortMultipart(this.session, ours);
  }

  /** One listing of nothing: HEAD would tell faults without saying which. */
  async probe(signal?: AbortSignal): Promise<void> {
    const fault = await bucketFault(this.session, signal, { provider: 's3', operation: 'probe' });
    if (fault !== undefined) throw fault;
  }

  /** Stores a dataset under its usual key and returns the key. A stream goes through a temporary file. */
  uploadDataset(body: DatasetBody, userId: string, datasetId: string): Promise<string> {
    return putDataset(this, body, { userId, datasetId, spoolFolder: this.spoolFolder });
  }

  async generatePresignedUrl(key: string, expiresInSeconds = 7200): Promise<string> {
    return (await this.presignGet(key, { expiresInSeconds })).url;
  }

  /** The same under the name that every store has. */
  generateDownloadUrl(key: string, expiresInSeconds = 7200): Promise<string> {
    return this.generatePresignedUrl(key, expiresInSeconds);
  }

  /** Frees the client. The guard's connections belong to the guard. */
  close(): void {
    this.session.client.destroy();
  }

  private check(key: string, operation: StorageErrorContext['operation'], signal: AbortSignal | undefined): void {
    checkKey(key, { provider: 's3', operation });
    if (signal?.aborted) throw new StorageError('aborted', { provider: 's3', operation, key, cause: signal.reason });
  }
}

function profileOf(config: S3StoreConfig): S3Profile {
  if (config.profile === undefined) return profileOfEndpoint(config.endpoint);
  return typeof config.profile === 'string' ? s3Profile(config.profile) : config.profile;
}

function withRefusal<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof EndpointRefusedError)) throw error;
    throw networkError(error, { provider: 's3', operation: 'probe' });
  }
}

function getRequest(key: string, { range, versionId, signal }: GetOptions): ObjectRequest {
  return { method: 'GET', key, query: { versionId }, headers: { range: rangeHeader(range) }, signal };
}
