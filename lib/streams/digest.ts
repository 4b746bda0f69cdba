import { createHash } from 'node:crypto';
import { LongshoreError } from '@/lib/errors.ts';
import { gunzipMembers } from './gunzip.ts';

/** What identifies bytes: how many, and their hex SHA-256. */
export interface Digest {
  sizeBytes: number;
  sha256: string;
}

/** Counts and hashes bytes as they pass. Read `result()` once, after the last byte. */
export class DigestMeter {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.byteLength;
  }

  result(): Digest {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') };
  }
}

/** Reads a stream to its end. Rejects with the stream's own error; memory does not grow with the size. */
export async function digestStream(stream: AsyncIterable<Uint8Array>): Promise<Digest> {
  const meter = new DigestMeter();
  for await (const chunk of stream) meter.update(chunk);
  return meter.result();
}

/** Passes bytes through and feeds the meter, so that a copy can be hashed while it is made. */
export async function* metered(stream: AsyncIterable<Uint8Array>, meter: DigestMeter): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    meter.update(chunk);
    yield chunk;
  }
}

/** An object and what is inside it. `records` counts line feeds: every record of a dataset ends with one. */
export interface ObjectDigest {
  object: Digest;
  content: Digest;
  records: number;
}

/**
 * Reads a stored dataset to its end and gives the digests of the compressed object and of its content.
 *
 * @throws LongshoreError with a `gzip_*` code when the object is not one intact gzip stream. Errors of the stream itself
 * pass unchanged, so that a lost connection is never taken for damage.
 */
export async function digestObject(stream: AsyncIterable<Uint8Array>): Promise<ObjectDigest> {
  const object = new DigestMeter();
  const content = new DigestMeter();
  let records = 0;
  for await (const chunk of gunzipMembers(metered(stream, object))) {
    content.update(chunk);
    records += countLineFeeds(chunk);
  }
  return { object: object.result(), content: content.result(), records };
}

/**
 * Reads a store's copy back and compares it with what was put.
 *
 * @throws LongshoreError `digest_mismatch` when size or hash differ; the details hold both.
 */
export async function verifyDigest(stream: AsyncIterable<Uint8Array>, expected: Digest): Promise<void> {
  const found = await digestStream(stream);
  if (found.sizeBytes === expected.sizeBytes && found.sha256 === expected.sha256) return;
  throw new LongshoreError('digest_mismatch', 'The bytes read back are not the bytes that were written.', {
    hint: 'Treat this copy as corrupt and repair it from a verified one.',
    details: { expected, found },
  });
}

export function countLineFeeds(bytes: Uint8Array): number {
  const buffer = asBuffer(bytes);
  let count = 0;
  for (let at = buffer.indexOf(10); at !== -1; at = buffer.indexOf(10, at + 1)) count++;
  return count;
}

/** A Buffer over the same memory: its native search is what makes line counting fast. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
