import { createHash, createHmac } from 'node:crypto';
import { credentialsOf, DEFAULT_REGION, type S3Credentials, type S3StoreConfig } from '@/lib/storage/s3-config.ts';

export interface SignableRequest {
  method: string;
  /** As it is sent. */
  path: string;
  /** As it is sent, its names in ascending order. */
  query: string;
  /** Lower-case names. All are signed, so none may be changed on the way. */
  headers: Record<string, string>;
  /** Hex SHA-256 of the payload, or UNSIGNED-PAYLOAD. */
  payloadHash: string;
}

/**
 * Signs requests by their headers, after "Signature Version 4" of the AWS reference. The day's key is kept, so that a
 * signature costs two hashes.
 */
export class S3Signer {
  readonly #config: S3StoreConfig;
  readonly #region: string;
  readonly #now: () => Date;
  #key: { secret: string; day: string; key: Buffer } | undefined;

  constructor(config: S3StoreConfig, now: () => Date) {
    this.#config = config;
    this.#region = config.region ?? DEFAULT_REGION;
    this.#now = now;
  }

  /** The headers to send: those of the request, and the signature over them. Rejects when there are no credentials. */
  async sign(request: SignableRequest): Promise<Record<string, string>> {
    const credentials = await credentialsOf(this.#config);
    const timestamp = this.#now()
      .toISOString()
      .replace(/[-:]|\.\d+/g, '');
    const headers: Record<string, string> = {
      ...request.headers,
      'x-amz-content-sha256': request.payloadHash,
      'x-amz-date': timestamp,
    };
    if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
    headers.authorization = this.#authorization({ ...request, headers }, credentials, timestamp);
    return headers;
  }

  #authorization(request: SignableRequest, credentials: S3Credentials, timestamp: string): string {
    const names = Object.keys(request.headers).sort();
    const day = timestamp.slice(0, 8);
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    const digest = createHash('sha256').update(canonical(request, names)).digest('hex');
    const signature = createHmac('sha256', this.#keyOf(credentials.secretAccessKey, day))
      .update(`AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${digest}`)
      .digest('hex');
    const credential = `${credentials.accessKeyId}/${scope}`;
    return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  }

  #keyOf(secret: string, day: string): Buffer {
    if (this.#key?.secret === secret && this.#key.day === day) return this.#key.key;
    const steps = [day, this.#region, 's3', 'aws4_request'];
    const key = steps.reduce<Buffer>(
      (before, step) => createHmac('sha256', before).update(step).digest(),
      Buffer.from(`AWS4${secret}`),
    );
    this.#key = { secret, day, key };
    return key;
  }
}

function canonical({ method, path, query, headers, payloadHash }: SignableRequest, names: readonly string[]): string {
  const lines = names.map((name) => `${name}:${trimmed(headers[name] ?? '')}\n`).join('');
  return `${method}\n${path}\n${query}\n${lines}\n${names.join(';')}\n${payloadHash}`;
}

/** White space counts once, and not at the ends. */
function trimmed(value: string): string {
  return value.trim().replace(/ {2,}/g, ' ');
}
