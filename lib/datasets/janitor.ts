import type { DatasetRow } from '@/lib/datasets/dataset-draft.ts';
import type { DatasetFinisher, UnfinishedDataset } from '@/lib/datasets/dataset-finisher.ts';
import type { DatasetRemover } from '@/lib/datasets/dataset-remover.ts';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import type { LeaseKeeper } from '@/lib/datasets/lease-keeper.ts';
import type { ManifestRebuilder } from '@/lib/datasets/manifest-rebuilder.ts';
import { TaskSet } from '@/lib/datasets/task-set.ts';
import { problemOfFailure } from '@/lib/datasets/upload-problem.ts';
import type { Database } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import { fencedError, isFenced } from '@/lib/placement/replica.ts';
import type { SpoolDirectory } from '@/lib/placement/spool/spool-directory.ts';
import type { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';
import type { Spool, SpoolRepository } from '@/lib/placement/spool/spool-repository.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { linkAbort } from '@/lib/streams/abort.ts';

export interface JanitorParts {
  db: Database;
  datasets: DatasetRepository;
  spools: SpoolRepository;
  keeper: SpoolKeeper;
  directory: SpoolDirectory;
  leases: LeaseKeeper;
  manifests: ManifestRebuilder;
  finisher: DatasetFinisher;
  remover: DatasetRemover;
  reconciler: Reconciler;
  log: Logger;
  now: () => Date;
}

/** How long an upload that no store takes is kept before it is given up. */
const KEEP_TRYING_MS = 24 * 60 * 60 * 1000;
const RETRY_MS = 60_000;
const AT_ONCE = 4;

/**
 * Settles what the processes of this host left unfinished: takes their spools over and finishes the datasets, or removes
 * every trace. Another host's spools are none of its business.
 */
export class Janitor {
  readonly #parts: JanitorParts;
  readonly #tasks = new TaskSet(AT_ONCE);
  readonly #stopping = new AbortController();

  constructor(parts: JanitorParts) {
    this.#parts = parts;
  }

  /** Looks at every spool of this host and begins what is to be done. `settled` waits for it. */
  async sweep(): Promise<void> {
    for (const spool of await this.#parts.spools.ofHost()) {
      this.#tasks.start(spool.datasetId, () => this.#settle(spool));
    }
  }

  /** Removes files that dead processes left and no row names. */
  async sweepFiles(): Promise<void> {
    const { directory, spools, log } = this.#parts;
    const removed = await directory.sweep((fileName) => spools.isNamed(fileName));
    if (removed > 0) log.info({ removed }, 'removed spool files of dead processes');
  }

  /** Resolves when nothing that a sweep began is still running. */
  async settled(): Promise<void> {
    await this.#tasks.idle();
  }

  /** Lets go of what it is doing: the next process goes on. `settled` waits for the end. */
  stop(): void {
    this.#tasks.cancelWaiting();
    this.#stopping.abort();
  }

  async #settle(spool: Spool): Promise<void> {
    const { datasets, keeper, reconciler, leases, log } = this.#parts;
    if (leases.holds(spool.datasetId)) return;
    try {
      const dataset = await datasets.load(spool.datasetId);
      if (dataset === undefined || dataset.deletedAt !== null) await keeper.release(spool.datasetId, async () => true);
      else if (dataset.status === 'ready') await reconciler.reconcile(dataset.id);
      else await this.#takeOver(dataset, spool);
    } catch (error) {
      if (!isFenced(error)) log.warn({ err: error, datasetId: spool.datasetId }, 'a spool could not be settled yet');
    }
  }

  /** Raises the attempt, so that whoever worked on it before can change nothing any more, and finishes. */
  async #takeOver(dataset: DatasetRow, spool: Spool): Promise<void> {
    const { db, datasets, spools, directory, leases } = this.#parts;
    const dead = spool.leaseOwner !== null && (await directory.isDead(spool.leaseOwner)) ? spool.leaseOwner : undefined;
    const taken = await db.transaction(async (tx) => {
      const mine = await spools.takeOver(tx, dataset.id, dataset.attempt + 1, dead);
      if (mine === undefined) return undefined;
      const attempt = await datasets.raiseAttempt(tx, dataset.id, dataset.attempt);
      if (attempt === undefined) throw fencedError(`Dataset ${dataset.id}`);
      return mine;
    });
    if (taken === undefined) return;
    const lease = leases.hold(dataset.id);
    const abort = linkAbort(lease.signal, this.#stopping.signal);
    try {
      await this.#finish({ ...dataset, attempt: taken.attempt }, taken, abort.signal);
    } finally {
      abort.release();
      lease.release();
    }
  }

  async #finish(dataset: DatasetRow, spool: Spool, signal: AbortSignal): Promise<void> {
    const { finisher, keeper, manifests, spools, log } = this.#parts;
    const manifest = await manifests.rebuild(dataset, spool.fileName);
    const { id, userId, attempt } = dataset;
    const unfinished: UnfinishedDataset = { id, userId, attempt, manifest, body: await keeper.open(spool), signal };
    try {
      await finisher.store(unfinished);
      await finisher.commit(unfinished);
      log.info({ datasetId: id }, 'finished an upload that another process had begun');
    } catch (error) {
      if (isFenced(error)) throw error;
      if (this.#stopping.signal.aborted) await spools.letGo(id, 0);
      else if (this.#isHopeless(dataset, unfinished, error)) await this.#giveUp(dataset, error);
      else await spools.letGo(id, RETRY_MS);
      throw error;
    }
  }

  /** No bytes here and none in any store, or a day of trying. */
  #isHopeless(dataset: DatasetRow, unfinished: UnfinishedDataset, error: unknown): boolean {
    const age = this.#parts.now().getTime() - (dataset.createdAt?.getTime() ?? 0);
    if (age > KEEP_TRYING_MS) return true;
    const absent = StorageError.is(error, 'not_found') || isForeign(error);
    return unfinished.body === undefined && absent;
  }

  async #giveUp(dataset: DatasetRow, error: unknown): Promise<void> {
    this.#parts.log.warn({ err: error, datasetId: dataset.id }, 'gave up an unanswered upload');
    await this.#parts.remover.discard(dataset.id, dataset.attempt, problemOfFailure(error));
  }
}

function isForeign(error: unknown): boolean {
  return error instanceof LongshoreError && error.code === 'foreign_object';
}
