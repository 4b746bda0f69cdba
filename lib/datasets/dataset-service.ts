import type { Readable } from 'node:stream';
import { type DatasetJson, datasetJson } from '@/lib/datasets/dataset.ts';
import type { DatasetAudit } from '@/lib/datasets/dataset-audit.ts';
import { changedName, datasetDescription } from '@/lib/datasets/dataset-name.ts';
import type { DatasetReader, RecordPage, Shard } from '@/lib/datasets/dataset-reader.ts';
import type { DatasetRemover } from '@/lib/datasets/dataset-remover.ts';
import type { DatasetRepository, ListedStatus } from '@/lib/datasets/dataset-repository.ts';
import { decodeCursor, encodeCursor } from '@/lib/datasets/list-cursor.ts';
import type { ListSort } from '@/lib/datasets/list-order.ts';
import type { ManifestPublisher } from '@/lib/datasets/manifest-publisher.ts';
import type { ReadTrail } from '@/lib/datasets/read-trail.ts';
import { datasetUploading } from '@/lib/datasets/reader-errors.ts';
import type { Database } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { IngestReport, Kind } from '@/lib/ingest/types.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { ReplicaVerifier } from '@/lib/placement/replica-verifier.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

export interface ListRequest {
  sort: ListSort;
  order: 'asc' | 'desc';
  cursor?: string;
  limit: number;
  q?: string;
  provider?: string;
  kind?: Kind;
  ids?: readonly string[];
  status: ListedStatus;
}

/** One copy, read back just now: = same, - missing, * differs, ! could not be read. */
export interface CheckedReplica {
  provider: Replica['provider'];
  bucket: string;
  key: string;
  mark: '=' | '-' | '*' | '!';
  message: string | null;
}

export interface DatasetServiceParts {
  db: Database;
  datasets: DatasetRepository;
  replicas: ReplicaRepository;
  reader: DatasetReader;
  remover: DatasetRemover;
  verifier: ReplicaVerifier;
  reconciler: Reconciler;
  manifests: ManifestPublisher;
  audit: Pick<DatasetAudit, 'write'>;
  trail: ReadTrail;
  /** Reads a dataset from before Longshore for the first time; harmless for others. */
  learn?: (datasetId: string, signal?: AbortSignal) => Promise<void>;
  notify(userId: string, event: { topic: 'dataset'; type: string; subject: string }): void;
}

/** What a user may do with the own datasets. Every call is bound to the user. */
export class DatasetService {
  readonly #parts: DatasetServiceParts;

  constructor(parts: DatasetServiceParts) {
    this.#parts = parts;
  }

  /** In the order asked for. `next_cursor` is null on the last page. @throws invalid_cursor */
  async list(userId: string, request: ListRequest): Promise<{ datasets: DatasetJson[]; next_cursor: string | null }> {
    const order = { sort: request.sort, descending: request.order === 'desc' };
    const cursor = request.cursor === undefined ? undefined : decodeCursor(order, request.cursor);
    const rows = await this.#parts.datasets.list(userId, { ...request, order, cursor });
    const page = rows.slice(0, request.limit);
    const replicas = await this.#parts.replicas.ofDatasets(page.map((row) => row.id));
    const ofDataset = (id: string) => replicas.filter((replica) => replica.datasetId === id);
    const last = page.at(-1);
    const more = rows.length > request.limit && last !== undefined;
    return {
      datasets: page.map((row) => datasetJson(row, ofDataset(row.id))),
      next_cursor: more ? encodeCursor(order, { value: last.orderedBy, id: last.id }) : null,
    };
  }

  /** @throws dataset_not_found, as every call below */
  async get(userId: string, id: string): Promise<DatasetJson> {
    const dataset = await this.#parts.datasets.get(userId, id);
    return datasetJson(dataset, await this.#parts.replicas.ofDataset(id));
  }

  /** @throws invalid_name, description_too_long, dataset_uploading */
  async patch(
    userId: string,
    id: string,
    change: { name?: string; description?: string | null },
  ): Promise<DatasetJson> {
    await this.#ready(userId, id);
    const wanted = {
      ...(change.name === undefined ? {} : { name: changedName(change.name) }),
      ...(change.description === undefined ? {} : { description: datasetDescription(change.description) }),
    };
    const { db, datasets, audit } = this.#parts;
    await db.transaction(async (tx) => {
      const { name } = await datasets.patch(tx, { userId, id }, wanted);
      const details = { name, changed: Object.keys(wanted) };
      await audit.write({ userId, actor: userId, action: 'dataset.updated', subject: id, details }, tx);
    });
    await this.#parts.manifests.refresh(id);
    this.#parts.notify(userId, { topic: 'dataset', type: 'updated', subject: id });
    return this.get(userId, id);
  }

  /** Gone for everybody when it resolves; its bytes follow. */
  async delete(userId: string, id: string): Promise<void> {
    await this.#parts.remover.delete(userId, id);
    this.#parts.notify(userId, { topic: 'dataset', type: 'deleted', subject: id });
  }

  async preview(userId: string, id: string, window: { offset: number; limit: number }): Promise<RecordPage> {
    return this.#parts.reader.preview(userId, id, window);
  }

  async shard(userId: string, id: string, shard: Shard, signal?: AbortSignal): Promise<Readable> {
    const records = await this.#parts.reader.shard(userId, id, shard, signal);
    const details = { shard: `${shard.index}/${shard.count}` };
    this.#parts.trail.note({ userId, action: 'dataset.exported', subject: id, details });
    return records;
  }

  async sample(
    userId: string,
    id: string,
    choice: { size: number; seed: number },
    signal?: AbortSignal,
  ): Promise<Readable> {
    const records = await this.#parts.reader.sample(userId, id, choice, signal);
    this.#parts.trail.note({ userId, action: 'dataset.exported', subject: id, details: { sample: choice.size } });
    return records;
  }

  /** What ingest found. @throws report_not_found for datasets from before Longshore */
  async report(userId: string, id: string): Promise<IngestReport> {
    await this.#parts.datasets.get(userId, id);
    const report = await this.#parts.datasets.report(userId, id);
    if (report !== undefined) return report;
    throw new LongshoreError('report_not_found', 'This dataset has no ingest report.', {
      hint: 'It was stored before Longshore; its records can be previewed.',
    });
  }

  /** Reads every copy back now, writes down what was found, and queues the repair of what is bad. */
  async verify(
    userId: string,
    id: string,
    signal?: AbortSignal,
  ): Promise<{ dataset_id: string; replicas: CheckedReplica[]; dataset: DatasetJson }> {
    await this.#ready(userId, id);
    await this.#parts.learn?.(id, signal);
    const replicas = (await this.#parts.replicas.ofDataset(id)).filter((replica) => replica.state !== 'deleting');
    const checked: CheckedReplica[] = [];
    for (const replica of replicas) checked.push(await this.#check(replica, signal));
    await this.#parts.reconciler.reconcile(id);
    const intact = checked.filter(({ mark }) => mark === '=').length;
    await this.#tell(userId, id, 'dataset.verified', { copies: checked.length, intact });
    return { dataset_id: id, replicas: checked, dataset: await this.get(userId, id) };
  }

  /**
   * Queues whatever the dataset lacks: missing copies, new ones for bad ones, at once even where an attempt failed.
   * Resolves before that is done.
   */
  async repair(userId: string, id: string): Promise<DatasetJson> {
    await this.#ready(userId, id);
    await this.#parts.reconciler.repair(id);
    await this.#tell(userId, id, 'dataset.repair_asked');
    return this.get(userId, id);
  }

  #tell(userId: string, subject: string, action: string, details?: Record<string, unknown>): Promise<void> {
    return this.#parts.audit.write({ userId, actor: userId, action, subject, details });
  }

  async #ready(userId: string, id: string): Promise<void> {
    const dataset = await this.#parts.datasets.get(userId, id);
    if (dataset.status !== 'ready') throw datasetUploading();
  }

  async #check(replica: Replica, signal: AbortSignal | undefined): Promise<CheckedReplica> {
    const { provider, bucket, objectKey: key } = replica;
    const marked = (mark: CheckedReplica['mark'], message: string | null) => ({ provider, bucket, key, mark, message });
    try {
      const verdict = await this.#parts.verifier.verify(replica.id, signal);
      if (verdict === 'verified') return marked('=', null);
      if (verdict === 'missing') return marked('-', 'The object is not there.');
      if (verdict === 'corrupt') return marked('*', 'The object differs from what was stored.');
      return marked('!', `This copy is ${replica.state}.`);
    } catch (error) {
      if (!StorageError.is(error) || signal?.aborted) throw error;
      return marked('!', `The store could not be read (${error.code}).`);
    }
  }
}
