import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpCall, HttpReply, HttpSend } from '@/lib/secrets/http-port.ts';

/**
 * Signed requests to AWS and to stores that speak its protocol, made by hand where the SDK would hide what is asked:
 * the doctor tests one IAM action a request and reads the answer's own error code, and STS needs two calls only.
 */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** When they stop working. URLs signed with them die with them. Undefined for long-lived keys. */
  expiresAt?: Date;
}

export interface SignedCall {
  service: 's3' | 'sts' | 'sagemaker';
  region: string;
  method: HttpCall['method'];
  url: URL;
  headers?: Record<string, string>;
  body?: Uint8Array;
  signal?: AbortSignal;
}

export interface AwsReply extends HttpReply {
  ok: boolean;
  /** The code in the error document, or undefined: HEAD answers have no body. */
  errorCode: string | undefined;
  /** The store's own words. Holds ARNs and key ids: read by code, never shown. */
  errorMessage: string | undefined;
}

export interface AwsRequesterOptions {
  send: HttpSend;
  /** The time to sign with. */
  now: () => Date;
}

export class AwsRequester {
  private readonly send: HttpSend;
  private readonly now: () => Date;

  constructor({ send, now }: AwsRequesterOptions) {
    this.send = send;
    this.now = now;
  }

  async request(credentials: AwsCredentials, call: SignedCall): Promise<AwsReply> {
    const signed = await signerOf(credentials, call).sign(toSign(call), { signingDate: this.now() });
    const { method, url, body, signal } = call;
    return this.sendPlain({ method, url, headers: withoutHost(signed.headers), body, signal });
  }

  /** Without a signature: what anybody on the network can ask. */
  async sendPlain(call: HttpCall): Promise<AwsReply> {
    return readReply(await this.send(call));
  }

  /** A GET address that works without any header until it expires. */
  async presign(credentials: AwsCredentials, call: SignedCall, expiresInSeconds: number): Promise<URL> {
    const request = toSign({ ...call, headers: { ...call.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    const options = { expiresIn: expiresInSeconds, signingDate: this.now() };
    const { query } = await signerOf(credentials, call).presign(request, options);
    const url = new URL(call.url);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, String(value));
    // The signature counts %20, and URLSearchParams writes a space as +.
    url.search = url.search.replaceAll('+', '%20');
    return url;
  }
}

function signerOf(credentials: AwsCredentials, { service, region }: SignedCall): SignatureV4 {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    region,
    service,
    sha256: Sha256,
    // S3 signs the path as it is sent; every other service signs it escaped once more.
    uriEscapePath: service !== 's3',
  });
}

function toSign({ method, url, headers, body }: SignedCall) {
  return {
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host, ...headers },
    ...(body === undefined ? {} : { body }),
  };
}

/** The client sets Host itself, from the same URL. */
function withoutHost(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'host'));
}

function readReply(reply: HttpReply): AwsReply {
  const ok = reply.status >= 200 && reply.status < 300;
  const text = ok ? '' : reply.body.toString('utf8');
  return { ...reply, ok, errorCode: xmlText(text, 'Code'), errorMessage: xmlText(text, 'Message') };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The text of the first element of that name. Enough for the flat answers that are read here. */
export function xmlText(xml: string, element: string): string | undefined {
  return xmlTexts(xml, element, 1)[0];
}

/**
 * The texts of the first `limit` elements of that name, in order. Linear in the length of what a store sends, which may
 * be hostile.
 */
export function xmlTexts(xml: string, element: string, limit: number): string[] {
  const found: string[] = [];
  let at = 0;
  while (found.length < limit) {
    const open = xml.indexOf(`<${element}`, at);
    const start = open < 0 ? -1 : xml.indexOf('>', open);
    if (start < 0) break;
    const end = xml.indexOf('<', start);
    const named = /^[\s>]/.test(xml.charAt(open + element.length + 1));
    if (named && end >= 0 && xml.startsWith(`</${element}>`, end)) found.push(decoded(xml.slice(start + 1, end)));
    at = start + 1;
  }
  return found;
}

function decoded(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}

type HashInput = string | ArrayBuffer | ArrayBufferView;

/** Node's SHA-256 in the form that the signer asks for: a hash, or an HMAC when it is given a key. */
class Sha256 {
  private readonly secret: HashInput | undefined;
  private hash: Hash | Hmac;

  constructor(secret?: HashInput) {
    this.secret = secret;
    this.hash = this.fresh();
  }

  update(chunk: Uint8Array): void {
    this.hash.update(chunk);
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {
    this.hash = this.fresh();
  }

  private fresh(): Hash | Hmac {
    return this.secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(this.secret));
  }
}

function bytesOf(input: HashInput): Buffer {
  if (typeof input === 'string') return Buffer.from(input, 'utf8');
  if (ArrayBuffer.isView(input)) return Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  return Buffer.from(input);
}
