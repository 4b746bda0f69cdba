import type { Database } from '@/lib/db/database.ts';
import { findPlaced, isLiving } from '@/lib/placement/placed-dataset.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { ReplicaCleaner } from '@/lib/placement/replica-cleaner.ts';
import type { ReplicaDeleter } from '@/lib/placement/replica-deleter.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { ReplicaSources } from '@/lib/placement/replica-source.ts';
import type { ReplicaVerifier, Verdict } from '@/lib/placement/replica-verifier.ts';
import type { ReplicaWriter, WriteOptions } from '@/lib/placement/replica-writer.ts';

/** What the placement jobs do. Each may run again after a crash at any point, and twice at once. */
export class PlacementWorker {
  readonly #db: Database;
  readonly #replicas: ReplicaRepository;
  readonly #sources: ReplicaSources;
  readonly #writer: ReplicaWriter;
  readonly #verifier: ReplicaVerifier;
  readonly #deleter: ReplicaDeleter;
  readonly #cleaner: ReplicaCleaner;
  readonly #reconciler: Reconciler;

  constructor(parts: {
    db: Database;
    replicas: ReplicaRepository;
    sources: ReplicaSources;
    writer: ReplicaWriter;
    verifier: ReplicaVerifier;
    deleter: ReplicaDeleter;
    cleaner: ReplicaCleaner;
    reconciler: Reconciler;
  }) {
    this.#db = parts.db;
    this.#replicas = parts.replicas;
    this.#sources = parts.sources;
    this.#writer = parts.writer;
    this.#verifier = parts.verifier;
    this.#deleter = parts.deleter;
    this.#cleaner = parts.cleaner;
    this.#reconciler = parts.reconciler;
  }

  /** Stores the bytes of a pending or failed copy of a living dataset. */
  async write(replicaId: string, options: WriteOptions = {}): Promise<void> {
    const replica = await this.#replicas.find(replicaId);
    const dataset = replica === undefined ? undefined : await findPlaced(this.#db, replica.datasetId);
    if (!isLiving(dataset)) return;
    const claimed = await this.#replicas.claim(replicaId);
    if (claimed === undefined) return;
    const source = await this.#sources.open(dataset, options.signal);
    try {
      await this.#writer.write(claimed, source.body, options);
    } finally {
      await source.dispose();
    }
    await this.#reconciler.reconcile(dataset.id);
  }

  /** Reads a copy back and queues what follows from it. */
  async verify(replicaId: string, signal?: AbortSignal): Promise<Verdict | undefined> {
    const replica = await this.#replicas.find(replicaId);
    const verdict = await this.#verifier.verify(replicaId, signal);
    if (replica !== undefined) await this.#reconciler.reconcile(replica.datasetId);
    return verdict;
  }

  async retire(replicaId: string, signal?: AbortSignal): Promise<void> {
    await this.#deleter.retire(replicaId, signal);
  }

  /** The copy that is gone now; undefined when there was nothing to remove. */
  async remove(replicaId: string, signal?: AbortSignal): Promise<Replica | undefined> {
    const replica = await this.#replicas.find(replicaId);
    if (replica?.state !== 'deleting') return undefined;
    await this.#cleaner.removeReplica(replica, signal);
    return replica;
  }
}
