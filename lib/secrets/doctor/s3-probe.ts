import type { AwsCredentials, AwsReply, AwsRequester, SignedCall } from '@/lib/secrets/aws/aws-request.ts';

/** Where a bucket is. */
export interface BucketPlace {
  bucket: string;
  region: string;
  endpoint: string | undefined;
}

export interface S3ProbeOptions extends BucketPlace {
  requester: AwsRequester;
  credentials: AwsCredentials;
}

type Query = Readonly<Record<string, string>>;
interface Ask {
  key?: string;
  query?: Query;
  headers?: Record<string, string>;
  body?: Uint8Array;
  signal: AbortSignal;
}

const WITHOUT_CONSTRAINT = new Set(['us-east-1', 'auto', 'default']);

/**
 * The single S3 requests that the doctor makes, one IAM action each. Every answer comes back as it is: a refusal is what
 * the doctor wants to read, not an error. Limits: bodies of a few bytes.
 */
export class S3Probe {
  private readonly options: S3ProbeOptions;

  constructor(options: S3ProbeOptions) {
    this.options = options;
  }

  get bucket(): string {
    return this.options.bucket;
  }

  /** The same bucket, asked in another region. */
  inRegion(region: string): S3Probe {
    return new S3Probe({ ...this.options, region });
  }

  list(prefix: string, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { query: { 'list-type': '2', 'max-keys': '1', prefix }, signal });
  }

  /** The region is told in a document, and must not be for us-east-1 and for stores without real regions. */
  createBucket(signal: AbortSignal): Promise<AwsReply> {
    const { region } = this.options;
    if (WITHOUT_CONSTRAINT.has(region)) return this.ask('PUT', { signal });
    const body = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
    return this.ask('PUT', { body: Buffer.from(body), headers: { 'content-type': 'application/xml' }, signal });
  }

  put(key: string, body: Uint8Array, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('PUT', { key, body, headers: { 'content-type': 'application/octet-stream' }, signal });
  }

  head(key: string, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('HEAD', { key, signal });
  }

  /** `lastByte` is included, as in the Range header. */
  getRange(key: string, range: { firstByte: number; lastByte: number }, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { key, headers: { range: `bytes=${range.firstByte}-${range.lastByte}` }, signal });
  }

  getVersion(key: string, versionId: string, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { key, query: { versionId }, signal });
  }

  delete(key: string, signal: AbortSignal, versionId?: string): Promise<AwsReply> {
    return this.ask('DELETE', { key, query: versionId === undefined ? {} : { versionId }, signal });
  }

  startMultipart(key: string, signal: AbortSignal): Promise<AwsReply> {
    const headers = { 'content-type': 'application/octet-stream' };
    return this.ask('POST', { key, query: { uploads: '' }, headers, signal });
  }

  putPart(key: string, uploadId: string, body: Uint8Array, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('PUT', { key, query: { partNumber: '1', uploadId }, body, signal });
  }

  listParts(key: string, uploadId: string, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { key, query: { uploadId }, signal });
  }

  completeMultipart(key: string, uploadId: string, etag: string, signal: AbortSignal): Promise<AwsReply> {
    const tag = etag.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
    const part = `<Part><PartNumber>1</PartNumber><ETag>${tag}</ETag></Part>`;
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${part}</CompleteMultipartUpload>`;
    const headers = { 'content-type': 'application/xml' };
    return this.ask('POST', { key, query: { uploadId }, body: Buffer.from(body), headers, signal });
  }

  abortMultipart(key: string, uploadId: string, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('DELETE', { key, query: { uploadId }, signal });
  }

  versioning(signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { query: { versioning: '' }, signal });
  }

  listVersions(prefix: string, signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { query: { versions: '', 'max-keys': '100', prefix }, signal });
  }

  publicAccessBlock(signal: AbortSignal): Promise<AwsReply> {
    return this.ask('GET', { query: { publicAccessBlock: '' }, signal });
  }

  /** Unsigned, as a stranger would ask. */
  getAsStranger(key: string, signal: AbortSignal): Promise<AwsReply> {
    return this.options.requester.sendPlain({ method: 'GET', url: this.url({ key, signal }), signal });
  }

  /** A presigned address, fetched as any program would: no SDK, no header of ours. */
  async getPresigned(key: string, signal: AbortSignal): Promise<AwsReply> {
    const { requester, credentials } = this.options;
    const url = await requester.presign(credentials, this.call('GET', { key, signal }), 60);
    return requester.sendPlain({ method: 'GET', url, signal });
  }

  private ask(method: SignedCall['method'], ask: Ask): Promise<AwsReply> {
    return this.options.requester.request(this.options.credentials, this.call(method, ask));
  }

  private call(method: SignedCall['method'], ask: Ask): SignedCall {
    const { headers, body, signal } = ask;
    return { service: 's3', region: this.options.region, method, url: this.url(ask), headers, body, signal };
  }

  private url({ key = '', query = {} }: Ask): URL {
    const url = new URL(key.split('/').map(encodeURIComponent).join('/'), bucketUrl(this.options));
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }
}

/** Path style at own endpoints, and where a dot in the name would not fit AWS's certificate; else by host name. */
export function bucketUrl({ bucket, region, endpoint }: BucketPlace): URL {
  if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, '')}/${bucket}/`);
  const host = `s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`;
  return new URL(bucket.includes('.') ? `https://${host}/${bucket}/` : `https://${bucket}.${host}/`);
}
