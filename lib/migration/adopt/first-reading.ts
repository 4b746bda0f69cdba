import { LongshoreError } from '@/lib/errors.ts';
import { checkSource } from '@/lib/ingest/ingest.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { BlockIndex, IngestReport } from '@/lib/ingest/types.ts';
import { SmallObject } from '@/lib/migration/adopt/small-object.ts';
import { ByteSource } from '@/lib/streams/byte-source.ts';
import { asBuffer, countLineFeeds, type Digest, DigestMeter } from '@/lib/streams/digest.ts';
import { gunzipMembers } from '@/lib/streams/gunzip.ts';

/** What reading an object from before Longshore to its end found. */
export interface FirstReading {
  object: Digest;
  packing: 'gzip' | 'not_gzip' | 'gzip_damaged';
  /** Of the decompressed content; null where it could not be read to its end. */
  content: Digest | null;
  /** Lines that are not blank: the records of JSONL. */
  lines: number;
  /** What the checks of an upload would say of the content; null where there is none to check. */
  report: IngestReport | null;
  /** Where the whole content is one block that can be read alone; null where it is too large for that. */
  blockIndex: BlockIndex | null;
}

export interface FirstReadingOptions {
  pool: IngestPool;
  signal?: AbortSignal;
  /** Awaited for each piece that arrived: to hold it back. */
  onBytes?: (count: number) => Promise<void>;
}

const GZIP_MAGIC = [0x1f, 0x8b];

/**
 * Reads an object once, from beginning to end, in memory that does not grow with its size. What is wrong with the object
 * is part of the answer; errors of the stream itself are thrown.
 */
export async function readForTheFirstTime(
  stream: AsyncIterable<Uint8Array>,
  options: FirstReadingOptions,
): Promise<FirstReading> {
  const object = new ObjectMeter(stream, options);
  const source = new ByteSource(object);
  const head = await source.peek(2);
  if (head[0] !== GZIP_MAGIC[0] || head[1] !== GZIP_MAGIC[1]) {
    for await (const _ of source);
    return { object: object.result(), packing: 'not_gzip', ...NOTHING };
  }
  const content = new ContentMeter(gunzipMembers(keptOpen(source), { onMember: () => object.small.member() }));
  try {
    const report = await judge(content, options);
    for await (const _ of content);
    return { object: object.result(), packing: 'gzip', ...content.result(), report, ...indexOf(object, content) };
  } catch (error) {
    if (!isDamage(content.failure)) throw content.failure ?? error;
    for await (const _ of object);
    return { object: object.result(), packing: 'gzip_damaged', ...NOTHING };
  }
}

const NOTHING = { content: null, lines: 0, report: null, blockIndex: null };

/** As an upload is judged, but no record is too wrong to go on: the dataset exists and stays what it is. */
async function judge(content: ContentMeter, { pool, signal }: FirstReadingOptions): Promise<IngestReport> {
  const options = { fileName: 'dataset.jsonl', onError: 'skip', maxErrorRatio: 1, signal } as const;
  return (await checkSource(content, options, pool)).report;
}

function indexOf(object: ObjectMeter, content: ContentMeter): { blockIndex: BlockIndex | null } {
  const { content: digest, lineFeeds, lines } = content.result();
  // Blank lines and a last line without its end would be counted differently by those who read blocks.
  const regular = lineFeeds === lines && digest.sizeBytes > 0;
  return { blockIndex: regular ? object.small.index(digest.sizeBytes, lines) : null };
}

function isDamage(error: unknown): boolean {
  return error instanceof LongshoreError && error.code.startsWith('gzip_');
}

/** The end of one reader is not the end of the stream: others read on. */
function keptOpen(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) };
}

/** The object's bytes as they arrive. Iterating goes on where the last one stopped. */
class ObjectMeter implements AsyncIterable<Uint8Array> {
  readonly small = new SmallObject();
  readonly #meter = new DigestMeter();
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #onBytes: ((count: number) => Promise<void>) | undefined;

  constructor(stream: AsyncIterable<Uint8Array>, { onBytes }: FirstReadingOptions) {
    this.#chunks = stream[Symbol.asyncIterator]();
    this.#onBytes = onBytes;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const step = await this.#chunks.next();
    if (step.done === true) return step;
    this.#meter.update(step.value);
    this.small.add(step.value);
    await this.#onBytes?.(step.value.byteLength);
    return step;
  }

  result(): Digest {
    return this.#meter.result();
  }
}

/** The content as it is inflated. Whoever stops early does not stop the counting: it is iterated again to its end. */
class ContentMeter implements AsyncIterable<Uint8Array> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #meter = new DigestMeter();
  #lineFeeds = 0;
  #lines = 0;
  #inLine = false;
  /** What ended the stream before its end. */
  failure: unknown;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const step = await this.#chunks.next().catch((error: unknown) => {
      this.failure = error;
      throw error;
    });
    if (step.done === true) return step;
    this.#meter.update(step.value);
    this.#count(step.value);
    return step;
  }

  /** A line counts when anything but its end stands in it. */
  #count(bytes: Uint8Array): void {
    const buffer = asBuffer(bytes);
    this.#lineFeeds += countLineFeeds(buffer);
    let start = 0;
    for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, start)) {
      if (end > start || this.#inLine) this.#lines += 1;
      this.#inLine = false;
      start = end + 1;
    }
    this.#inLine ||= start < buffer.length;
  }

  result(): { content: Digest; lines: number; lineFeeds: number } {
    this.#digest ??= this.#meter.result();
    return { content: this.#digest, lines: this.#lines + (this.#inLine ? 1 : 0), lineFeeds: this.#lineFeeds };
  }
  #digest: Digest | undefined;
}
