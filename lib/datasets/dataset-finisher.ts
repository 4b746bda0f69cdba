import { type CopyRules, writeCopies } from '@/lib/datasets/copy-writes.ts';
import { type Dataset, type DatasetJson, datasetJson } from '@/lib/datasets/dataset.ts';
import type { DatasetAct, DatasetAudit } from '@/lib/datasets/dataset-audit.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import type { Manifest } from '@/lib/datasets/manifest.ts';
import { withReplicas } from '@/lib/datasets/manifest.ts';
import type { ManifestWriter } from '@/lib/datasets/manifest-writer.ts';
import type { UploadRepository } from '@/lib/datasets/uploads/upload-repository.ts';
import type { Transaction } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { lockPlaced } from '@/lib/placement/placed-dataset.ts';
import type { Placement, Wanted } from '@/lib/placement/placement.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import { fencedError, isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { HashedBody, ReplicaWriter } from '@/lib/placement/replica-writer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** A dataset that is `uploading` under an attempt which the caller holds. */
export interface UnfinishedDataset {
  id: string;
  userId: string;
  attempt: number;
  manifest: Manifest;
  /** Undefined when the spool file is gone: then copies that are already in the stores must do. */
  body: HashedBody | undefined;
  /** Aborts when the attempt was taken over. */
  signal: AbortSignal;
}

/**
 * Steps 4 to 7 of a create: copies, final manifest, commit. A new upload and the janitor run the very same code, so
 * that recovery is not a path of its own.
 */
export class DatasetFinisher {
  readonly #datasets: DatasetRepository;
  readonly #replicas: ReplicaRepository;
  readonly #writer: ReplicaWriter;
  readonly #manifests: ManifestWriter;
  readonly #placement: Placement;
  readonly #reconciler: Reconciler;
  readonly #idempotency: IdempotencyRepository;
  readonly #uploads: UploadRepository;
  readonly #audit: Pick<DatasetAudit, 'write'>;
  readonly #rules: Pick<CopyRules, 'requiredCopies' | 'waitMs'>;

  constructor(parts: {
    datasets: DatasetRepository;
    replicas: ReplicaRepository;
    writer: ReplicaWriter;
    manifests: ManifestWriter;
    placement: Placement;
    reconciler: Reconciler;
    idempotency: IdempotencyRepository;
    uploads: UploadRepository;
    audit: Pick<DatasetAudit, 'write'>;
    rules: Pick<CopyRules, 'requiredCopies' | 'waitMs'>;
  }) {
    this.#datasets = parts.datasets;
    this.#replicas = parts.replicas;
    this.#writer = parts.writer;
    this.#manifests = parts.manifests;
    this.#placement = parts.placement;
    this.#reconciler = parts.reconciler;
    this.#idempotency = parts.idempotency;
    this.#uploads = parts.uploads;
    this.#audit = parts.audit;
    this.#rules = parts.rules;
  }

  /**
   * Stores the copies and the final manifest.
   * @throws fenced when somebody else finishes it or has removed it
   * @throws StorageError or no_store_took_it when no store took a copy
   */
  async store(dataset: UnfinishedDataset): Promise<void> {
    await this.#writeCopies(dataset);
    const replicas = await this.#replicas.ofDataset(dataset.id);
    await this.#manifests.writeFinal(withReplicas(dataset.manifest, replicas), replicas);
  }

  /** Makes the dataset ready. Where this fails without an answer of the database, it may have happened. @throws fenced */
  async commit(dataset: UnfinishedDataset): Promise<DatasetJson> {
    return this.#placement.inPhase(
      () => this.#placement.wantedOrNone(dataset.userId),
      (tx, wanted) => this.#commit(tx, dataset, wanted),
    );
  }

  async #writeCopies(dataset: UnfinishedDataset): Promise<void> {
    const replicas = await this.#replicas.ofDataset(dataset.id);
    const done = replicas.filter(isReadable);
    const open = replicas.filter(({ state }) => state === 'pending' || state === 'failed');
    const requiredCopies = Math.max(0, this.#rules.requiredCopies - done.length);
    const rules = { requiredCopies, waitMs: this.#rules.waitMs, signal: dataset.signal };
    const outcome = await writeCopies(open, (replica, signal) => this.#writeCopy(dataset, replica, signal), rules);
    if (done.length + outcome.completed.length === 0) throw refusal(outcome.failures);
  }

  async #writeCopy(dataset: UnfinishedDataset, replica: Replica, signal: AbortSignal): Promise<Replica> {
    const claimed = await this.#replicas.claim(replica.id);
    if (claimed === undefined) throw fencedError(`Replica ${replica.id}`);
    if (dataset.body !== undefined) return this.#writer.write(claimed, dataset.body, { signal });
    return this.#writer.adopt(claimed, dataset.manifest.dataset.object_sha256);
  }

  /** The one moment in which the dataset becomes ready: with its missing copies, its jobs and its answer. */
  async #commit(tx: Transaction, dataset: UnfinishedDataset, wanted: Wanted): Promise<DatasetJson> {
    await lockPlaced(tx, dataset.id);
    await this.#datasets.markReady(tx, dataset.id, dataset.attempt);
    await this.#reconciler.queueMissing(tx, dataset, wanted);
    const row = await this.#datasets.get(dataset.userId, dataset.id, tx);
    const answer = datasetJson(row, await this.#replicas.ofDataset(dataset.id, tx));
    await this.#idempotency.answer(tx, dataset.id, answer);
    await this.#uploads.settle(tx, dataset.id);
    await this.#audit.write(createdAct(row), tx);
    return answer;
  }
}

function createdAct({ id, userId, name, kind, totalExamples }: Dataset): DatasetAct {
  const details = { name, kind, examples: totalExamples };
  return { userId, actor: userId, action: 'dataset.created', subject: id, details };
}

/** The one reason that says most about why no store took a copy. */
function refusal(failures: readonly unknown[]): unknown {
  const told = failures.find(
    (failure) => StorageError.is(failure, 'disk_full') || StorageError.is(failure, 'quota_exceeded'),
  );
  const first = told ?? failures[0];
  if (first !== undefined) return first;
  return new LongshoreError('no_store_took_it', 'No store took a copy of the dataset.', {
    hint: 'See what the stores say: `longshore doctor`.',
  });
}
