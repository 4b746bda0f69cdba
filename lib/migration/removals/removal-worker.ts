import { and, asc, eq, gt, inArray, isNotNull, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { datasetReplicas, migrationItems } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type {
  NewEntry,
  Removal,
  RemovalEntry,
  RemovalRepository,
} from '@/lib/migration/removals/removal-repository.ts';
import { forEachOf } from '@/lib/migration/runs/for-each-of.ts';
import { roleOf } from '@/lib/placement/phase.ts';
import { findPlaced, isLiving } from '@/lib/placement/placed-dataset.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaDeleter } from '@/lib/placement/replica-deleter.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { ReplicaVerifier } from '@/lib/placement/replica-verifier.ts';
import { failureFacts } from '@/lib/placement/replica-writer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

const PAGE = 200;
const AT_A_TIME = 4;
const R = datasetReplicas;

/** How long a list of each kind waits before it may be applied. */
export type WaitDays = Record<Removal['kind'], number>;

/**
 * Lists copies that may go, with the proof of those that stay, and lets listed ones go through the one guarded delete.
 * Each step may be repeated after a crash at any point.
 */
export class RemovalWorker {
  readonly #db: Database;
  readonly #removals: RemovalRepository;
  readonly #replicas: ReplicaRepository;
  readonly #verifier: ReplicaVerifier;
  readonly #deleter: ReplicaDeleter;
  readonly #waitDays: WaitDays;
  readonly #now: () => Date;

  constructor(parts: {
    db: Database;
    removals: RemovalRepository;
    replicas: ReplicaRepository;
    verifier: ReplicaVerifier;
    deleter: ReplicaDeleter;
    waitDays: WaitDays;
    now: () => Date;
  }) {
    this.#db = parts.db;
    this.#removals = parts.removals;
    this.#replicas = parts.replicas;
    this.#verifier = parts.verifier;
    this.#deleter = parts.deleter;
    this.#waitDays = parts.waitDays;
    this.#now = parts.now;
  }

  /** Reads back, for every copy that may go, the copy that stays. Only what is proved is listed to be removed. */
  async list(id: string, signal: AbortSignal): Promise<void> {
    const removal = await this.#removals.get(id);
    if (removal.state !== 'listing') return;
    for (let after = ''; ; ) {
      const page = await this.#candidates(removal, after);
      await forEachOf(page, AT_A_TIME, async (replica) => {
        signal.throwIfAborted();
        const entry = await this.#entryOf(removal, replica, signal);
        if (entry !== undefined) await this.#removals.addEntry(entry);
      });
      after = page.at(-1)?.id ?? '';
      if (page.length < PAGE) break;
    }
    const waitMs = this.#waitDays[removal.kind] * 86_400_000;
    await this.#removals.listed(id, new Date(this.#now().getTime() + waitMs));
  }

  /** Lets the listed copies go. The guarded delete reads another copy of each dataset back once more. */
  async apply(id: string, signal: AbortSignal): Promise<void> {
    if ((await this.#removals.get(id)).state !== 'applying') return;
    for (;;) {
      const page = await this.#removals.entries(id, { state: 'listed', limit: PAGE });
      await forEachOf(page, AT_A_TIME, async (entry) => {
        signal.throwIfAborted();
        await this.#letGo(entry, signal);
      });
      if (page.length < PAGE) break;
    }
    await this.#removals.applied(id);
  }

  async #letGo(entry: RemovalEntry, signal: AbortSignal): Promise<void> {
    try {
      await this.#deleter.retire(entry.replicaId, signal);
      await this.#removals.settle(entry, 'removed', undefined);
    } catch (error) {
      if (signal.aborted || !(error instanceof LongshoreError || StorageError.is(error))) throw error;
      await this.#removals.settle(entry, 'refused', failureFacts(error));
    }
  }

  /** Copies of the kind that the list is about, in order of id. */
  async #candidates({ kind, runId, id }: Removal, after: string): Promise<Replica[]> {
    const ofRun = this.#db
      .select({ id: migrationItems.replicaId })
      .from(migrationItems)
      .where(and(eq(migrationItems.runId, runId ?? ''), isNotNull(migrationItems.replicaId)));
    const which = kind === 'rollback' ? inArray(R.id, ofRun) : sql`${R.provider} <> 's3'`;
    const unlisted = sql`not exists (select 1 from longshore.removal_entries e
      where e.removal_id = ${id} and e.replica_id = ${R.id})`;
    return this.#db
      .select()
      .from(R)
      .where(and(which, gt(R.id, after), sql`${R.state} <> 'deleting'`, unlisted))
      .orderBy(asc(R.id))
      .limit(PAGE);
  }

  async #entryOf({ id, kind }: Removal, replica: Replica, signal: AbortSignal): Promise<NewEntry | undefined> {
    const dataset = await findPlaced(this.#db, replica.datasetId);
    if (!isLiving(dataset)) return undefined;
    const { userId, datasetId, provider, endpoint, bucket, objectKey, sizeBytes, objectSha256 } = replica;
    const facts = { userId, datasetId, provider, endpoint, bucket, objectKey, sizeBytes, objectSha256 };
    const entry = { ...facts, removalId: id, replicaId: replica.id };
    const kept = await this.#provenOther(kind, replica, signal);
    if (typeof kept === 'string') return { ...entry, state: 'refused', errorCode: 'no_proof', errorMessage: kept };
    return { ...entry, state: 'listed', keptReplicaId: kept.id, keptVerifiedAt: kept.verifiedAt };
  }

  /** The copy that stays, read back just now; or why there is none. */
  async #provenOther(kind: Removal['kind'], replica: Replica, signal: AbortSignal): Promise<Replica | string> {
    const others = (await this.#replicas.ofDataset(replica.datasetId)).filter((other) => {
      // What goes from the base store must be in a bucket, and the other way round.
      return isReadable(other) && roleOf(other) !== roleOf(replica) && (kind === 'rollback' || other.preferred);
    });
    for (const other of others) {
      try {
        if ((await this.#verifier.verify(other.id, signal)) !== 'verified') continue;
        const proven = await this.#replicas.find(other.id);
        if (proven !== undefined && proven.objectSha256 !== null) return proven;
      } catch (error) {
        if (!StorageError.is(error) || signal.aborted) throw error;
        return `The copy that would stay could not be read: ${failureFacts(error).errorMessage}`;
      }
    }
    return 'No copy in another store proves itself.';
  }
}
