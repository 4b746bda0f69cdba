/** Takes a request's payload onto disk and holds every promise the client made about it. */
import { createHash } from 'node:crypto';
import type { DataFiles, Segment } from '@/sandbox/data-files.ts';
import { type Exchange, readAll } from '@/sandbox/exchange.ts';
import type { Authentication } from './authenticate.ts';
import { decodeAwsChunked } from './aws-chunked.ts';
import {
  assertChecksumValue,
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  type RunningDigest,
  startDigest,
} from './checksums.ts';
import type { Checksums } from './object-model.ts';
import type { S3Quirks } from './quirks.ts';
import { S3Error } from './s3-error.ts';
import { sameSignature } from './sigv4.ts';

export interface ReceivedBody {
  segment: Segment;
  /** Hex MD5 of the decoded bytes. */
  md5: string;
  checksums: Checksums;
}

export interface ReceiveOptions {
  maxBytes: number;
  quirks: S3Quirks;
}

/** The payload without its transfer encoding, signatures of chunks checked on the way. */
export function decodedPayload(
  exchange: Exchange,
  authentication: Authentication,
  trailers = new Map<string, string>(),
): AsyncIterable<Buffer> {
  const { claim, expected } = authentication;
  if (!isStreaming(claim.payloadHash)) return exchange.body;
  const signed = claim.payloadHash.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD');
  const signing = signed ? { timestamp: claim.timestamp, seed: expected } : undefined;
  return decodeAwsChunked(exchange.body, { signing, trailerNames: trailerNames(exchange), trailers });
}

export async function receiveBody(
  exchange: Exchange,
  authentication: Authentication,
  files: DataFiles,
  options: ReceiveOptions,
): Promise<ReceivedBody> {
  assertPayloadHash(authentication);
  const { chunkedUploads, checksums } = options.quirks;
  if (isStreaming(authentication.claim.payloadHash)) refuseChunked(chunkedUploads);
  if (chunkedUploads === 'stored_raw') return await receiveRaw(exchange, files);
  const length = declaredLength(exchange, authentication);
  if (length > options.maxBytes) throw tooLarge(length, options.maxBytes);
  const promises = checksums === 'ignored' ? NO_PROMISES : promisesOf(exchange);
  const digests = startDigests(authentication, promises.checksum);
  const trailers = new Map<string, string>();
  const payload = decodedPayload(exchange, authentication, trailers);
  const segment = await files.write(digesting(payload, digests, length));
  try {
    return { segment, ...verify({ authentication, promises, trailers, length, segment }, digests) };
  } catch (error) {
    await files.remove([segment]);
    throw error;
  }
}

/** As a store does that does not know the encoding: the bytes as they came, unchecked. */
async function receiveRaw(exchange: Exchange, files: DataFiles): Promise<ReceivedBody> {
  const md5 = startDigest('md5');
  const segment = await files.write(digesting(exchange.body, new Map([['md5', md5]]), Number.POSITIVE_INFINITY));
  return { segment, md5: md5.digest().toString('hex'), checksums: {} };
}

function refuseChunked(chunkedUploads: S3Quirks['chunkedUploads']): void {
  if (chunkedUploads === 'not_implemented') {
    throw new S3Error('NotImplemented', {
      message: 'Transfering payloads in multiple chunks using aws-chunked is not supported.',
    });
  }
  if (chunkedUploads === 'length_required') throw new S3Error('MissingContentLength');
}

function isStreaming(payloadHash: string): boolean {
  return payloadHash.startsWith('STREAMING-');
}

function trailerNames(exchange: Exchange): string[] {
  return (
    headerOf(exchange, 'x-amz-trailer')
      ?.toLowerCase()
      .split(/\s*,\s*/) ?? []
  );
}

function headerOf(exchange: Exchange, name: string): string | undefined {
  const value = exchange.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const STREAMING = [
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
];

export function assertPayloadHash({ claim }: Authentication): void {
  const { payloadHash } = claim;
  if (payloadHash === '') {
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' });
  }
  if (payloadHash === 'UNSIGNED-PAYLOAD' || STREAMING.includes(payloadHash) || /^[0-9a-f]{64}$/.test(payloadHash))
    return;
  throw new S3Error('InvalidArgument', {
    message: 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- value or a valid sha256 value.',
  });
}

function declaredLength(exchange: Exchange, { claim }: Authentication): number {
  const name = isStreaming(claim.payloadHash) ? 'x-amz-decoded-content-length' : 'content-length';
  const value = headerOf(exchange, name);
  if (value === undefined || !/^\d+$/.test(value)) throw new S3Error('MissingContentLength');
  return Number(value);
}

function tooLarge(size: number, limit: number): S3Error {
  return new S3Error('EntityTooLarge', { fields: { ProposedSize: size, MaxSizeAllowed: limit } });
}

interface PromisedChecksum {
  algorithm: ChecksumAlgorithm;
  /** Undefined: it comes in the trailer. */
  value: string | undefined;
}

/** What the client says about its bytes, besides their length and signature. */
interface Promises {
  checksum: PromisedChecksum | undefined;
  contentMd5: string | undefined;
}

const NO_PROMISES: Promises = { checksum: undefined, contentMd5: undefined };

function promisesOf(exchange: Exchange): Promises {
  return { checksum: promisedChecksum(exchange), contentMd5: headerOf(exchange, 'content-md5') };
}

function promisedChecksum(exchange: Exchange): PromisedChecksum | undefined {
  const inHeader = CHECKSUM_ALGORITHMS.filter((name) => exchange.headers[checksumHeader(name)] !== undefined);
  const inTrailer = CHECKSUM_ALGORITHMS.filter((name) => trailerNames(exchange).includes(checksumHeader(name)));
  const [algorithm, ...more] = [...inHeader, ...inTrailer];
  if (more.length > 0) {
    throw new S3Error('InvalidRequest', {
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    });
  }
  if (algorithm === undefined) return refuseBareAlgorithm(exchange);
  const value = headerOf(exchange, checksumHeader(algorithm));
  if (value !== undefined) assertChecksumValue(algorithm, value);
  return { algorithm, value };
}

function refuseBareAlgorithm(exchange: Exchange): undefined {
  if (exchange.headers['x-amz-sdk-checksum-algorithm'] === undefined) return undefined;
  throw new S3Error('InvalidRequest', {
    message:
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
  });
}

type Digests = Map<ChecksumAlgorithm | 'md5' | 'payload', RunningDigest>;

function startDigests({ claim }: Authentication, promised: PromisedChecksum | undefined): Digests {
  const digests: Digests = new Map([['md5', startDigest('md5')]]);
  if (promised !== undefined) digests.set(promised.algorithm, startDigest(promised.algorithm));
  // The same bytes under the same hash are hashed once.
  if (isSigned(claim.payloadHash) && !digests.has('sha256')) digests.set('payload', startDigest('sha256'));
  return digests;
}

function isSigned(payloadHash: string): boolean {
  return /^[0-9a-f]{64}$/.test(payloadHash);
}

async function* digesting(body: AsyncIterable<Buffer>, digests: Digests, length: number): AsyncIterable<Buffer> {
  let seen = 0;
  for await (const chunk of body) {
    seen += chunk.length;
    if (seen > length) throw new S3Error('IncompleteBody');
    for (const digest of digests.values()) digest.update(chunk);
    yield chunk;
  }
}

interface Received {
  authentication: Authentication;
  promises: Promises;
  trailers: Map<string, string>;
  length: number;
  segment: Segment;
}

function verify(received: Received, digests: Digests): Omit<ReceivedBody, 'segment'> {
  const { segment, length, authentication } = received;
  if (segment.sizeBytes !== length) throw new S3Error('IncompleteBody');
  const results = new Map([...digests].map(([name, digest]) => [name, digest.digest()]));
  const signed = isSigned(authentication.claim.payloadHash);
  const payload = signed ? (results.get('payload') ?? results.get('sha256'))?.toString('hex') : undefined;
  if (payload !== undefined && !sameSignature(payload, authentication.claim.payloadHash)) {
    const fields = { ClientComputedContentSHA256: authentication.claim.payloadHash, S3ComputedContentSHA256: payload };
    throw new S3Error('XAmzContentSHA256Mismatch', { fields });
  }
  const md5 = results.get('md5') ?? createHash('md5').digest();
  checkContentMd5(received.promises.contentMd5, md5);
  checkChecksum(received, results);
  return { md5: md5.toString('hex'), checksums: checksumsOf(results) };
}

function checkContentMd5(claimed: string | undefined, actual: Buffer): void {
  if (claimed === undefined) return;
  if (Buffer.from(claimed, 'base64').length !== 16) throw new S3Error('InvalidDigest');
  const calculated = actual.toString('base64');
  if (claimed === calculated) return;
  throw new S3Error('BadDigest', {
    message: 'The Content-MD5 you specified did not match what we received.',
    fields: { ExpectedDigest: claimed, CalculatedDigest: calculated },
  });
}

function checkChecksum({ promises, trailers }: Received, results: Map<string, Buffer>): void {
  const { checksum: promised } = promises;
  if (promised === undefined) return;
  const value = promised.value ?? trailers.get(checksumHeader(promised.algorithm)) ?? '';
  assertChecksumValue(promised.algorithm, value);
  if (results.get(promised.algorithm)?.toString('base64') === value) return;
  throw new S3Error('BadDigest', {
    message: `The ${promised.algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
  });
}

function checksumsOf(results: Map<string, Buffer>): Checksums {
  const found = CHECKSUM_ALGORITHMS.flatMap((name) => {
    const digest = results.get(name);
    return digest === undefined ? [] : [[name, digest.toString('base64')] as const];
  });
  return Object.fromEntries(found);
}

const MAX_DOCUMENT_BYTES = 1 << 20;

/** A small XML document, checked like any other payload. */
export async function receiveDocument(
  exchange: Exchange,
  authentication: Authentication,
  files: DataFiles,
  quirks: S3Quirks,
): Promise<string> {
  const { segment } = await receiveBody(exchange, authentication, files, { maxBytes: MAX_DOCUMENT_BYTES, quirks });
  const bytes = await readAll(files.read([segment]), MAX_DOCUMENT_BYTES);
  await files.remove([segment]);
  return bytes.toString();
}
