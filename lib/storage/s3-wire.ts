import type { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { type HttpCall, HttpClient, type HttpReply, type Reading, type SmallReply } from '@/lib/storage/http-client.ts';
import { encodeQuery, type ObjectBase, objectBase, objectPath } from '@/lib/storage/s3-address.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';
import { s3Error } from '@/lib/storage/s3-errors.ts';
import { S3Signer } from '@/lib/storage/s3-signer.ts';
import { StorageError, type StorageErrorContext } from '@/lib/storage/storage-error.ts';

export interface S3WireParts {
  config: S3StoreConfig;
  endpoint: URL;
  pathStyle: boolean;
  guard: EndpointGuard;
  now?: () => Date;
}

/** A request about one object. */
export interface ObjectRequest {
  method: 'GET' | 'HEAD' | 'PUT';
  key: string;
  query?: Record<string, string | undefined>;
  /** Lower-case names. */
  headers?: Record<string, string | undefined>;
  body?: HttpCall['body'];
  /** Hex SHA-256 of the body: the store compares it with what arrives. Required with a body. */
  payloadSha256?: string;
  signal?: AbortSignal;
}

const NOTHING_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const MAX_ERROR_BYTES = 65_536;

/**
 * The requests that carry objects, without an SDK between: reading, writing and asking for one object is most of what
 * a store is asked for, and an SDK costs as much CPU as the transfer of a small object. Lets nothing but StorageError out.
 */
export class S3Wire {
  readonly #base: ObjectBase;
  readonly #signer: S3Signer;
  readonly #guard: EndpointGuard;

  constructor({ config, endpoint, pathStyle, guard, now = () => new Date() }: S3WireParts) {
    this.#base = objectBase({ config, endpoint, pathStyle });
    this.#signer = new S3Signer(config, now);
    this.#guard = guard;
  }

  /** Resolves with the head of a success; its body streams. */
  async open(request: ObjectRequest, context: StorageErrorContext): Promise<HttpReply> {
    return this.#run(request, context, async (client, call) => {
      const reply = await client.open(call);
      if (isSuccess(reply)) return reply;
      throw new S3Refusal(reply, await client.read(reply, MAX_ERROR_BYTES));
    });
  }

  /** Resolves with a success, read whole. `onBytes` is told of each piece as it arrives. */
  async send(
    request: ObjectRequest,
    context: StorageErrorContext,
    { maxBytes, ...reading }: Reading & { maxBytes: number } = { maxBytes: MAX_ERROR_BYTES },
  ): Promise<SmallReply> {
    return this.#run(request, context, async (client, call) => {
      const reply = await client.open(call);
      if (!isSuccess(reply)) throw new S3Refusal(reply, await client.read(reply, MAX_ERROR_BYTES));
      const { status, headers } = reply;
      return { status, headers, body: await client.read(reply, maxBytes, reading) };
    });
  }

  async #run<T>(
    request: ObjectRequest,
    context: StorageErrorContext,
    work: (client: HttpClient, call: HttpCall) => Promise<T>,
  ): Promise<T> {
    try {
      return await work(new HttpClient(this.#guard, context), await this.#prepared(request));
    } catch (error) {
      if (request.signal?.aborted) throw new StorageError('aborted', { ...context, cause: request.signal.reason });
      throw s3Error(error, context);
    }
  }

  async #prepared(request: ObjectRequest): Promise<HttpCall> {
    const { method, key, body, signal, payloadSha256: payloadHash = NOTHING_SHA256 } = request;
    const path = objectPath(this.#base, key);
    const query = encodeQuery(present(request.query));
    const headers = await this.#signer.sign({
      ...{ method, path, query, payloadHash },
      headers: { host: this.#base.host, ...present(request.headers) },
    });
    headers['user-agent'] = 'longshore';
    const { protocol, host } = this.#base;
    const url = new URL(`${protocol}//${host}${path}${query === '' ? '' : `?${query}`}`);
    return { method, url, headers, body, signal };
  }
}

/** Without what is undefined, names in ascending order. */
function present(fields: Record<string, string | undefined> = {}): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of Object.keys(fields).sort()) {
    const value = fields[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function isSuccess({ status }: { status: number }): boolean {
  return status >= 200 && status < 300;
}

/** An answer that is no success, in the shape in which the SDK throws it. */
class S3Refusal extends Error {
  readonly Code: string | undefined;
  readonly Region: string | undefined;
  readonly Condition: string | undefined;
  readonly $metadata: { httpStatusCode: number };
  readonly $response: { statusCode: number; headers: Readonly<Record<string, string>> };

  constructor({ status, headers }: Pick<SmallReply, 'status' | 'headers'>, body: Buffer) {
    const text = body.toString('utf8');
    super(field(text, 'Message') ?? `status ${status}`);
    this.Code = field(text, 'Code');
    this.Region = field(text, 'Region');
    this.Condition = field(text, 'Condition');
    this.$metadata = { httpStatusCode: status };
    this.$response = { statusCode: status, headers };
  }
}

/** The text of an element of an error document. Codes and regions need no entities. */
function field(text: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
}
