import type { Database, Executor, Transaction } from '@/lib/db/database.ts';
import { inspectionJob, type JobSink, replicaJob, replicaJobKeys } from '@/lib/placement/job-types.ts';
import {
  findPlaced,
  isLiving,
  livingAfter,
  lockPlaced,
  type PlacedDataset,
  placedAmong,
} from '@/lib/placement/placed-dataset.ts';
import type { Placement, Wanted } from '@/lib/placement/placement.ts';
import { isAtRest, planPlacement, targetsOf } from '@/lib/placement/placement-plan.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { SpoolKeeper } from '@/lib/placement/spool/spool-keeper.ts';
import { writeStorageView } from '@/lib/placement/storage-view.ts';

const PAGE = 200;

/**
 * Compares where datasets should be with where they are, and queues the difference. The same function follows every
 * write and every re-read, and the endless loop runs it over all datasets: catch-up, repair, and the
 * copies that a step back asks for are one thing. What is older than dual writing goes to S3 by a migration only.
 */
export class Reconciler {
  readonly #db: Database;
  readonly #placement: Placement;
  readonly #replicas: ReplicaRepository;
  readonly #spools: SpoolKeeper;
  readonly #jobs: JobSink;

  constructor(parts: {
    db: Database;
    placement: Placement;
    replicas: ReplicaRepository;
    spools: SpoolKeeper;
    jobs: JobSink;
  }) {
    this.#db = parts.db;
    this.#placement = parts.placement;
    this.#replicas = parts.replicas;
    this.#spools = parts.spools;
    this.#jobs = parts.jobs;
  }

  /** Queues what one dataset lacks, and ends its spool when it lacks nothing. */
  async reconcile(datasetId: string): Promise<void> {
    const dataset = await findPlaced(this.#db, datasetId);
    if (!isLiving(dataset)) return;
    const ask = () => this.#placement.wantedOrNone(dataset.userId);
    const settled = await this.#placement.inPhase(ask, (tx, wanted) => this.#queue(tx, datasetId, wanted));
    if (settled) await this.#releaseSpool(dataset, ask);
  }

  /** As `reconcile`, for a person who waits: what failed before does not wait for its next attempt. */
  async repair(datasetId: string): Promise<void> {
    await this.reconcile(datasetId);
    await this.#jobs.hurry((await this.#replicas.ofDataset(datasetId)).flatMap(replicaJobKeys));
  }

  /** One pass over all living datasets, or over one user's. Returns how many it looked at. */
  async reconcileAll(signal?: AbortSignal, onProgress?: (looked: number) => void, userId?: string): Promise<number> {
    let looked = 0;
    for (let after = ''; ; ) {
      const page = await livingAfter(this.#db, after, PAGE, userId);
      for (const { id } of await this.#unsettledOf(page)) {
        signal?.throwIfAborted();
        await this.reconcile(id);
      }
      looked += page.length;
      onProgress?.(looked);
      after = page.at(-1)?.id ?? '';
      if (page.length < PAGE) return looked;
    }
  }

  /** As `reconcile`, for many: a few statements where there is nothing to do for most of them. */
  async reconcileThese(datasetIds: readonly string[]): Promise<void> {
    const datasets = await placedAmong(this.#db, datasetIds);
    for (const { id } of await this.#unsettledOf(datasets.filter(isLiving))) await this.reconcile(id);
  }

  /**
   * Those for which there is something to do. A whole page is judged by a few statements: most datasets rest. Rows from
   * before Longshore that nobody has read yet rest too: the adoption's own readings come to them.
   */
  async #unsettledOf(page: readonly PlacedDataset[]): Promise<PlacedDataset[]> {
    const ids = page.map((dataset) => dataset.id);
    const replicas = byDataset(await this.#replicas.ofDatasets(ids));
    const spooled = await this.#spools.holdsAmong(ids);
    const wanted = await this.#wantedByUser(page);
    return page.filter((dataset) => {
      const copies = replicas.get(dataset.id) ?? [];
      const stores = wanted.get(dataset.userId);
      if (stores === undefined || spooled.has(dataset.id)) return true;
      if (dataset.objectSha256 === null) return false;
      return !isAtRest(planPlacement(targetsOf(stores, dataset.createdAt, copies), copies), copies);
    });
  }

  async #wantedByUser(page: readonly PlacedDataset[]): Promise<Map<string, Wanted>> {
    const wanted = new Map<string, Wanted>();
    for (const { userId } of page) {
      if (!wanted.has(userId)) wanted.set(userId, await this.#placement.wantedOrNone(userId));
    }
    return wanted;
  }

  /**
   * Rows and jobs for what a living dataset lacks, in the caller's transaction, which holds the phase. Returns whether
   * every wanted store has a verified copy.
   */
  async queueMissing(tx: Executor, dataset: { id: string; userId: string }, wanted: Wanted): Promise<boolean> {
    const before = await this.#replicas.ofDataset(dataset.id, tx);
    const { begin } = planPlacement(wanted.targets, before);
    const begun = begin.map((copy) => ({ ...copy, datasetId: dataset.id, userId: dataset.userId }));
    await this.#replicas.insertPending(tx, begun);
    const replicas = await this.#replicas.ofDataset(dataset.id, tx);
    const plan = planPlacement(wanted.targets, replicas);
    for (const kind of ['write', 'verify', 'retire'] as const) {
      for (const replica of plan[kind]) await this.#jobs.enqueue(replicaJob(kind, replica), tx);
    }
    for (const replica of replicas) {
      if (replica.state === 'deleting') await this.#jobs.enqueue(replicaJob('remove', replica), tx);
    }
    await writeStorageView(tx, dataset.id, replicas);
    return plan.settled;
  }

  async #queue(tx: Transaction, datasetId: string, wanted: Wanted): Promise<boolean> {
    const dataset = await lockPlaced(tx, datasetId);
    if (!isLiving(dataset)) return false;
    if (dataset.objectSha256 === null) return this.#awaitHash(tx, dataset);
    const targets = targetsOf(wanted, dataset.createdAt, await this.#replicas.ofDataset(datasetId, tx));
    return this.queueMissing(tx, dataset, { ...wanted, targets });
  }

  /**
   * A row from before Longshore. Until its object has been read nothing proves what a copy must be, and nothing of it is
   * changed: not its columns, not its copies.
   */
  async #awaitHash(tx: Transaction, dataset: { id: string; userId: string }): Promise<false> {
    const replicas = await this.#replicas.ofDataset(dataset.id, tx);
    if (replicas.some(isReadable)) await this.#jobs.enqueue(inspectionJob(dataset), tx);
    return false;
  }

  async #releaseSpool({ id, createdAt }: PlacedDataset, ask: () => Promise<Wanted>): Promise<void> {
    const wanted = await ask();
    await this.#spools.release(id, async (tx) => {
      const replicas = await this.#replicas.ofDataset(id, tx);
      return planPlacement(targetsOf(wanted, createdAt, replicas), replicas).settled;
    });
  }
}

function byDataset(replicas: readonly Replica[]): Map<string, Replica[]> {
  const groups = new Map<string, Replica[]>();
  for (const replica of replicas) {
    const group = groups.get(replica.datasetId);
    if (group === undefined) groups.set(replica.datasetId, [replica]);
    else group.push(replica);
  }
  return groups;
}
