import { sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type JobSink, replicaJob } from '@/lib/placement/job-types.ts';
import { isLiving, lockPlaced } from '@/lib/placement/placed-dataset.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { ReplicaVerifier } from '@/lib/placement/replica-verifier.ts';
import { writeStorageView } from '@/lib/placement/storage-view.ts';
import { DATASET_DELETED, REPLICA_RETIRED, type TombstoneRepository } from '@/lib/placement/tombstone-repository.ts';

/** How long ago the other copy may have been re-read, by the database's clock, when one is let go. */
const FRESH_SECONDS = 600;

/**
 * The only code that moves a replica to `deleting`. For a living dataset it demands another copy, re-read just now; the
 * deletion of the dataset itself is the one exception.
 */
export class ReplicaDeleter {
  readonly #db: Database;
  readonly #replicas: ReplicaRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #verifier: ReplicaVerifier;
  readonly #jobs: JobSink;

  constructor(parts: {
    db: Database;
    replicas: ReplicaRepository;
    tombstones: TombstoneRepository;
    verifier: ReplicaVerifier;
    jobs: JobSink;
  }) {
    this.#db = parts.db;
    this.#replicas = parts.replicas;
    this.#tombstones = parts.tombstones;
    this.#verifier = parts.verifier;
    this.#jobs = parts.jobs;
  }

  /**
   * Lets a copy of a living dataset go. Returns false when it is already gone or going.
   * @throws last_good_copy when no other copy proves itself
   */
  async retire(replicaId: string, signal?: AbortSignal): Promise<boolean> {
    const replica = await this.#replicas.find(replicaId);
    if (replica === undefined || replica.state === 'deleting') return false;
    await this.#reverifyAnother(replica, signal);
    return this.#db.transaction((tx) => this.#retireLocked(tx, replica));
  }

  /** The exception: every copy of a dataset that is being deleted, in the transaction that marks it. */
  async deleteAll(tx: Transaction, datasetId: string): Promise<void> {
    for (const replica of await this.#replicas.ofDataset(datasetId, tx)) {
      await this.#tombstones.add(tx, replica, DATASET_DELETED);
    }
    await this.#replicas.moveAllToDeleting(tx, datasetId);
  }

  async #reverifyAnother(replica: Replica, signal: AbortSignal | undefined): Promise<void> {
    for (const other of await this.#replicas.ofDataset(replica.datasetId)) {
      if (other.id === replica.id || !isReadable(other)) continue;
      if ((await this.#verifier.verify(other.id, signal)) === 'verified') return;
    }
    throw lastGoodCopy(replica);
  }

  /** Under the dataset's lock two copies cannot vouch for each other and both go. */
  async #retireLocked(tx: Transaction, { id, datasetId }: Replica): Promise<boolean> {
    if (!isLiving(await lockPlaced(tx, datasetId))) return false;
    const replica = await this.#replicas.find(id, tx);
    if (replica === undefined || replica.state === 'deleting') return false;
    const others = await this.#freshOthers(tx, replica);
    if (others === 0) throw lastGoodCopy(replica);
    await this.#tombstones.add(tx, replica, REPLICA_RETIRED);
    await this.#replicas.move(replica, 'deleting', {}, tx);
    await writeStorageView(tx, replica.datasetId, await this.#replicas.ofDataset(replica.datasetId, tx));
    await this.#jobs.enqueue(replicaJob('remove', replica), tx);
    return true;
  }

  /** Other completed copies that were re-read within FRESH_SECONDS. */
  async #freshOthers(tx: Executor, replica: Replica): Promise<number> {
    const { rows } = await tx.execute<{ count: number }>(sql`
      select count(*)::int as count from longshore.dataset_replicas
      where dataset_id = ${replica.datasetId} and id <> ${replica.id} and state = 'completed'
        and verified_at > now() - make_interval(secs => ${FRESH_SECONDS})`);
    return rows[0]?.count ?? 0;
  }
}

function lastGoodCopy(replica: Replica): LongshoreError {
  return new LongshoreError('last_good_copy', 'No other copy of this dataset proves itself, so this one stays.', {
    hint: 'Repair the other copies first, or delete the dataset itself.',
    details: { dataset_id: replica.datasetId, replica_id: replica.id },
  });
}
