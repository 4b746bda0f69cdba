/**
 * The aws-chunked content encoding: `size[;chunk-signature=...]\r\n data \r\n` until a chunk of size 0, then trailers.
 * Public description: "Signature calculations for the Authorization header: transferring payload in multiple chunks".
 */

import { createHash } from 'node:crypto';
import { S3Error } from './s3-error.ts';
import { type ExpectedSignature, hmac, sameSignature, sha256Hex } from './sigv4.ts';

export interface ChunkSigning {
  timestamp: string;
  seed: ExpectedSignature;
}

export interface ChunkedOptions {
  /** Undefined: chunks carry no signatures. */
  signing: ChunkSigning | undefined;
  /** Lower-case names announced by x-amz-trailer. */
  trailerNames: string[];
  /** Filled when the body has been read to its end. */
  trailers: Map<string, string>;
}

const MIN_CHUNK_BYTES = 8192;
const MAX_LINE_BYTES = 4096;

export async function* decodeAwsChunked(body: AsyncIterable<Buffer>, options: ChunkedOptions): AsyncIterable<Buffer> {
  const reader = new ByteReader(body);
  const chain = new SignatureChain(options.signing);
  let short = false;
  for (;;) {
    const { size, signature } = parseChunkHeader(await reader.line());
    if (size === 0) {
      chain.checkChunk(signature, sha256Hex(''));
      break;
    }
    if (short) throw new S3Error('InvalidChunkSizeError');
    short = size < MIN_CHUNK_BYTES;
    const hash = options.signing === undefined ? undefined : createHash('sha256');
    for await (const piece of reader.bytes(size)) {
      hash?.update(piece);
      yield piece;
    }
    if ((await reader.line()) !== '') throw new S3Error('IncompleteBody');
    if (hash !== undefined) chain.checkChunk(signature, hash.digest('hex'));
  }
  await readTrailers(reader, chain, options);
}

function parseChunkHeader(line: string): { size: number; signature: string | undefined } {
  const match = /^([0-9a-f]+)(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line);
  if (match === null) throw new S3Error('IncompleteBody', { message: 'The request body terminated unexpectedly' });
  return { size: Number.parseInt(match[1] ?? '0', 16), signature: match[2] };
}

async function readTrailers(reader: ByteReader, chain: SignatureChain, options: ChunkedOptions): Promise<void> {
  let canonical = '';
  let signature: string | undefined;
  for (;;) {
    const line = await reader.line({ atEnd: '' });
    if (line === '') break;
    const [name, value] = splitTrailer(line);
    if (name === 'x-amz-trailer-signature') signature = value;
    else if (options.trailerNames.includes(name)) {
      options.trailers.set(name, value);
      canonical += `${name}:${value}\n`;
    } else throw new S3Error('MalformedTrailerError');
  }
  if (options.trailerNames.some((name) => !options.trailers.has(name))) throw new S3Error('MalformedTrailerError');
  if (options.trailerNames.length > 0) chain.checkTrailer(signature, sha256Hex(canonical));
}

function splitTrailer(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 1) throw new S3Error('MalformedTrailerError');
  return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
}

/** Each chunk's signature covers the one before it; the first covers the signature of the headers. */
class SignatureChain {
  readonly #signing: ChunkSigning | undefined;
  #previous: string;

  constructor(signing: ChunkSigning | undefined) {
    this.#signing = signing;
    this.#previous = signing?.seed.signature ?? '';
  }

  checkChunk(claimed: string | undefined, dataHash: string): void {
    this.#check('AWS4-HMAC-SHA256-PAYLOAD', claimed, [sha256Hex(''), dataHash]);
  }

  checkTrailer(claimed: string | undefined, trailerHash: string): void {
    this.#check('AWS4-HMAC-SHA256-TRAILER', claimed, [trailerHash]);
  }

  #check(kind: string, claimed: string | undefined, hashes: string[]): void {
    if (this.#signing === undefined) return;
    const { timestamp, seed } = this.#signing;
    const stringToSign = [kind, timestamp, seed.scope, this.#previous, ...hashes].join('\n');
    const expected = hmac(seed.signingKey, stringToSign).toString('hex');
    if (!sameSignature(expected, claimed ?? '')) throw new S3Error('SignatureDoesNotMatch');
    this.#previous = expected;
  }
}

/** Lines and counted bytes out of a stream of buffers, holding one buffer at a time. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #buffered: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Without its CRLF. `atEnd` stands for a line that the end of the body cut off. */
  async line(options: { atEnd?: string } = {}): Promise<string> {
    for (;;) {
      const end = this.#buffered.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#buffered.toString('latin1', 0, end);
        this.#buffered = this.#buffered.subarray(end + 2);
        return line;
      }
      if (this.#buffered.length > MAX_LINE_BYTES) throw new S3Error('IncompleteBody');
      if (await this.#fill()) continue;
      if (options.atEnd !== undefined && this.#buffered.length === 0) return options.atEnd;
      throw new S3Error('IncompleteBody');
    }
  }

  async *bytes(count: number): AsyncIterable<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#buffered.length === 0 && !(await this.#fill())) throw new S3Error('IncompleteBody');
      const piece = this.#buffered.subarray(0, left);
      this.#buffered = this.#buffered.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async #fill(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#buffered = this.#buffered.length === 0 ? next.value : Buffer.concat([this.#buffered, next.value]);
    return true;
  }
}
