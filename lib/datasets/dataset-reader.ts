import { Readable } from 'node:stream';
import type { Dataset } from '@/lib/datasets/dataset.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { blockIndexNeeded, datasetUploading } from '@/lib/datasets/reader-errors.ts';
import { chosenLines, recordLines } from '@/lib/datasets/record-lines.ts';
import { chooseSample } from '@/lib/datasets/record-sample.ts';
import { scanRecords } from '@/lib/datasets/record-scan.ts';
import { type ReadRange, readRecords } from '@/lib/ingest/block-reader.ts';
import type { BlockIndex } from '@/lib/ingest/types.ts';
import type { OpenReplica, ReplicaReader } from '@/lib/placement/replica-reader.ts';

/** A window of records, each as the JSON text that is stored. */
export interface RecordPage {
  examples: string[];
  total: number;
  offset: number;
  limit: number;
}

/** Part `index` (from 0) of `count` parts of about equal record counts. */
export interface Shard {
  index: number;
  count: number;
}

/** Reads records of a user's datasets, through the block index where there is one. */
export class DatasetReader {
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaReader;

  constructor(parts: { datasets: DatasetRepository; replicas: ReplicaReader }) {
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
  }

  /**
   * Records from `offset` on: one range request of at most about 1 MiB, wherever they lie; fewer than `limit` where they
   * would be more. A dataset from before Longshore has no index yet and is read from its beginning.
   * @throws dataset_not_found, dataset_uploading, no_good_copy, StorageError
   */
  async preview(userId: string, id: string, window: { offset: number; limit: number }): Promise<RecordPage> {
    const { dataset, index } = await this.#open(userId, id);
    const slice = await this.#replicas.read(dataset.id, (open) =>
      index === null ? scanRecords(open, window) : readRecords(index, window, rangeReader(open)),
    );
    const total = dataset.totalExamples ?? slice.total;
    return { examples: slice.records, total, ...window };
  }

  /** The records of one shard as JSONL. @throws as preview, and block_index_needed */
  async shard(userId: string, id: string, shard: Shard, signal?: AbortSignal): Promise<Readable> {
    const { dataset, index } = await this.#open(userId, id);
    if (index === null) throw blockIndexNeeded();
    const total = index.firstRecords.at(-1) ?? 0;
    const start = Math.floor((total * shard.index) / shard.count);
    const end = Math.floor((total * (shard.index + 1)) / shard.count);
    const open = await this.#replicas.read(dataset.id, probed);
    return Readable.from(recordLines(index, { start, end }, rangeReader(open, signal)), { objectMode: false });
  }

  /**
   * `size` records chosen by chance, in the order of the dataset, as JSONL. The same seed chooses the same records of
   * the same dataset. @throws as shard
   */
  async sample(
    userId: string,
    id: string,
    choice: { size: number; seed: number },
    signal?: AbortSignal,
  ): Promise<Readable> {
    const { dataset, index } = await this.#open(userId, id);
    if (index === null) throw blockIndexNeeded();
    const chosen = chooseSample(index.firstRecords.at(-1) ?? 0, choice);
    const open = await this.#replicas.read(dataset.id, probed);
    return Readable.from(chosenLines(index, chosen, rangeReader(open, signal)), { objectMode: false });
  }

  async #open(userId: string, id: string): Promise<{ dataset: Dataset; index: BlockIndex | null }> {
    const dataset = await this.#datasets.get(userId, id);
    if (dataset.status !== 'ready') throw datasetUploading();
    return { dataset, index: await this.#datasets.blockIndex(userId, id) };
  }
}

/** A stream cannot change its copy half way: prove that this one answers before the first byte is promised. */
async function probed(open: OpenReplica): Promise<OpenReplica> {
  await open.service.stat(open.replica.objectKey, { versionId: open.replica.versionId ?? undefined });
  return open;
}

function rangeReader({ replica, service }: OpenReplica, signal?: AbortSignal): ReadRange {
  return async (start, end) => {
    const versionId = replica.versionId ?? undefined;
    const { body } = await service.get(replica.objectKey, { range: { start, end }, versionId, signal });
    return body;
  };
}
