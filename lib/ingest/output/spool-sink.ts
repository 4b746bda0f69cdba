import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { BlockIndex } from '@/lib/ingest/types.ts';
import { DigestMeter } from '@/lib/streams/digest.ts';
import type { ContentBlock, ContentSink, SinkResult } from './content-sink.ts';
import { DurableFile } from './durable-file.ts';
import { GZIP_HEADER, GzipChecksum } from './gzip-member.ts';

/** Puts the blocks together to one gzip member in a file of its own name, with both hashes and the block index. */
export class SpoolSink implements ContentSink {
  readonly wish: { type: 'deflate'; level: number };
  readonly #file: DurableFile;
  readonly #object = new DigestMeter();
  readonly #content = new DigestMeter();
  readonly #checksum = new GzipChecksum();
  readonly #index: BlockIndex = {
    version: 1,
    objectOffsets: [GZIP_HEADER.byteLength],
    contentOffsets: [0],
    firstRecords: [0],
  };
  #records = 0;

  private constructor(file: DurableFile, level: number) {
    this.#file = file;
    this.wish = { type: 'deflate', level };
  }

  static async create(directory: string, level: number): Promise<SpoolSink> {
    const sink = new SpoolSink(await DurableFile.create(join(directory, `${randomUUID()}.jsonl.gz`)), level);
    try {
      await sink.#append(GZIP_HEADER);
    } catch (error) {
      await sink.abort();
      throw error;
    }
    return sink;
  }

  async write({ content, deflated, records }: ContentBlock): Promise<void> {
    if (deflated === undefined) throw new Error('the spool needs deflated blocks');
    const written = this.#append(deflated);
    this.#content.update(content);
    this.#checksum.update(content);
    await written;
    this.#records += records;
    this.#index.objectOffsets.push(this.#object.sizeBytes);
    this.#index.contentOffsets.push(this.#content.sizeBytes);
    this.#index.firstRecords.push(this.#records);
  }

  async finish(): Promise<SinkResult> {
    await this.#append(this.#checksum.end());
    await this.#file.commit();
    const content = this.#content.result();
    const object = this.#object.result();
    const spooled = {
      path: this.#file.path,
      objectSha256: object.sha256,
      objectSizeBytes: object.sizeBytes,
      contentSha256: content.sha256,
      contentSizeBytes: content.sizeBytes,
      records: this.#records,
      blockIndex: this.#index,
    };
    return { content, spooled };
  }

  async abort(): Promise<void> {
    await this.#file.abort();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const written = this.#file.write(bytes);
    this.#object.update(bytes);
    await written;
  }
}
