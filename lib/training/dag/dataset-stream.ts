import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Dataset } from '@/lib/datasets/dataset.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { PermanentFailure } from '@/lib/jobs/outcome.ts';
import type { HttpCall, HttpReply } from '@/lib/storage/http-client.ts';
import { gunzipMembers } from '@/lib/streams/gunzip.ts';
import type { DatasetUrlService } from '@/lib/training/dataset-url-service.ts';
import type { ServedDatasets } from '@/lib/training/served-dataset.ts';
import type { DagSource } from './dag-step.ts';

export interface DatasetStreamsParts {
  datasets: Pick<DatasetRepository, 'get'>;
  served: Pick<ServedDatasets, 'find'>;
  urls: Pick<DatasetUrlService, 'generateDownloadUrl'>;
  /** Through the guard that belongs to the address. */
  open: (call: HttpCall) => Promise<HttpReply>;
  /** DAG_MAX_DATASET_BYTES: of the object, as it is stored. */
  maxObjectBytes: number;
  maxRecordBytes: number;
}

/** Unpacked, a dataset may be so many times the limit on objects: text packs well, and a bomb packs better. */
export const UNPACKED_RATIO = 10;
const LINE_FEED = 10;

/** Reads the datasets of workflows inside this process, for their own users, within bounds that are known before. */
export class DatasetStreams {
  readonly #parts: DatasetStreamsParts;

  constructor(parts: DatasetStreamsParts) {
    this.#parts = parts;
  }

  /** The id of the user's own dataset. @throws PermanentFailure where there is none, dataset_uploading */
  async locate(userId: string, source: DagSource): Promise<string> {
    const request = 'dataset_id' in source ? { datasetId: source.dataset_id } : { storagePath: source.storage_path };
    try {
      return (await this.#parts.served.find({ ...request, userId })).id;
    } catch (error) {
      const lasting = error instanceof LongshoreError && error.code === 'dataset_not_found';
      throw lasting ? new PermanentFailure(error) : error;
    }
  }

  /** The dataset, if it may be read here. @throws PermanentFailure where there is none, or it is too large */
  async find(userId: string, source: DagSource): Promise<Dataset> {
    const dataset = await this.#parts.datasets.get(userId, await this.locate(userId, source));
    this.#refuseLarge(dataset.fileSizeBytes, dataset.contentSizeBytes);
    return dataset;
  }

  /**
   * The records of a dataset, each as its line. What was read counts only when the iteration has ended: then both hashes
   * were right.
   * @throws object_corrupt, dataset_unreadable, record_too_large, PermanentFailure where it is too large after all
   */
  async *records(dataset: Dataset, userId: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const body = await this.#fetch(dataset, userId, signal);
    const [object, content] = [new Tally(), new Tally()];
    try {
      const packed = counted(body, object, (bytes) => this.#refuseLarge(bytes, null));
      const unpacked = counted(gunzipMembers(packed), content, (bytes) => this.#refuseLarge(null, bytes));
      yield* linesOf(unpacked, this.#parts.maxRecordBytes);
    } finally {
      body.destroy();
    }
    expectHash(dataset.objectSha256, object, 'object');
    expectHash(dataset.contentSha256, content, 'content');
  }

  /** From the copy that the phase prefers; where that one gives nothing, from another. */
  async #fetch(dataset: Dataset, userId: string, signal: AbortSignal): Promise<Readable> {
    const request = { datasetId: dataset.id, userId };
    const first = await this.#parts.urls.generateDownloadUrl(request);
    try {
      return await this.#open(first.url, signal);
    } catch (error) {
      if (signal.aborted || error instanceof PermanentFailure) throw error;
      const other = await this.#parts.urls.generateDownloadUrl({ ...request, avoid: first.provider });
      if (other.provider === first.provider) throw error;
      return this.#open(other.url, signal);
    }
  }

  async #open(url: string, signal: AbortSignal): Promise<Readable> {
    const reply = await this.#parts.open({ method: 'GET', url: new URL(url), signal });
    try {
      if (reply.status !== 200) throw unreadable(reply.status);
      // Rows from before Longshore may not say the size; the store does, before the first byte is taken.
      const declared = Number(reply.headers['content-length'] ?? Number.NaN);
      this.#refuseLarge(Number.isNaN(declared) ? null : declared, null);
      return reply.body;
    } catch (error) {
      reply.body.destroy();
      throw error;
    }
  }

  #refuseLarge(objectBytes: number | null, contentBytes: number | null): void {
    const { maxObjectBytes } = this.#parts;
    if ((objectBytes ?? 0) > maxObjectBytes) throw tooLarge('stored', objectBytes ?? 0, maxObjectBytes);
    const unpacked = maxObjectBytes * UNPACKED_RATIO;
    if ((contentBytes ?? 0) > unpacked) throw tooLarge('unpacked', contentBytes ?? 0, unpacked);
  }
}

/** How much, and what. */
class Tally {
  bytes = 0;
  readonly hash: Hash = createHash('sha256');
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  tally: Tally,
  check: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    tally.bytes += chunk.byteLength;
    check(tally.bytes);
    tally.hash.update(chunk);
    yield chunk;
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let waiting = 0;
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      yield Buffer.concat([...parts, rest.subarray(0, end)]);
      [parts, waiting] = [[], 0];
      rest = rest.subarray(end + 1);
    }
    waiting += rest.byteLength;
    if (waiting > maxBytes) throw recordTooLarge(maxBytes);
    if (rest.byteLength > 0) parts.push(rest);
  }
  if (waiting > 0) yield Buffer.concat(parts);
}

function expectHash(wanted: string | null, tally: Tally, what: string): void {
  if (wanted === null || tally.hash.digest('hex') === wanted) return;
  throw new LongshoreError('object_corrupt', `The ${what} of the dataset is not the one that was stored.`, {
    hint: 'POST /api/training/dataset/{id}/verify tells which copy is damaged.',
  });
}

function tooLarge(what: string, bytes: number, limit: number): PermanentFailure {
  return new PermanentFailure(
    new LongshoreError(
      'dataset_too_large',
      `The dataset has ${bytes} bytes ${what}, and a step reads at most ${limit}.`,
      {
        hint: 'Raise DAG_MAX_DATASET_BYTES, or train on it without a step that reads it here.',
        details: { size_bytes: bytes, limit_bytes: limit },
      },
    ),
  );
}

function recordTooLarge(maxBytes: number): PermanentFailure {
  return new PermanentFailure(
    new LongshoreError('record_too_large', `A record is larger than ${maxBytes} bytes.`, {
      hint: 'Raise MAX_RECORD_BYTES, or split the record.',
    }),
  );
}

function unreadable(status: number): LongshoreError {
  return new LongshoreError('dataset_unreadable', `The store answered ${status} instead of the dataset.`, {
    hint: 'The step is tried again with a fresh address.',
  });
}
