import { LongshoreError } from '@/lib/errors.ts';
import { type JobSink, suspicionJob } from '@/lib/placement/job-types.ts';
import { type Phase, readOrder, roleOf } from '@/lib/placement/phase.ts';
import type { PhaseRepository } from '@/lib/placement/phase-repository.ts';
import { isReadable, type ReachableReplica, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

/** A copy that may be read, and the service that reaches it. */
export interface OpenReplica {
  replica: Replica;
  service: StorageService;
}

/** Reads datasets from whichever copy works: first what the phase prefers, then any other. */
export class ReplicaReader {
  readonly #replicas: ReplicaRepository;
  readonly #phases: PhaseRepository;
  readonly #registry: StoreRegistry;
  readonly #jobs: JobSink;

  constructor(parts: {
    replicas: ReplicaRepository;
    phases: PhaseRepository;
    registry: StoreRegistry;
    jobs: JobSink;
  }) {
    this.#replicas = parts.replicas;
    this.#phases = parts.phases;
    this.#registry = parts.registry;
    this.#jobs = parts.jobs;
  }

  /** The copies of a dataset in the order in which they are to be tried. Known bad ones are not among them. */
  async candidates(datasetId: string): Promise<Replica[]> {
    const { phase } = await this.#phases.current();
    return inReadOrder(phase, (await this.#replicas.ofDataset(datasetId)).filter(isReadable));
  }

  /**
   * Runs `read` on the first copy for which it works. `read` MUST be repeatable; errors that are not a store's or
   * `object_corrupt` are thrown at once.
   * @throws no_good_copy when there is no copy, else the error of the first one
   */
  async read<T>(datasetId: string, read: (open: OpenReplica) => Promise<T>): Promise<T> {
    let first: unknown;
    for (const replica of await this.candidates(datasetId)) {
      try {
        return await read({ replica, service: await this.#registry.resolve(replica) });
      } catch (error) {
        if (!speaksOfCopy(error)) throw error;
        await this.suspect(replica, error);
        first ??= error;
      }
    }
    throw first ?? noCopy();
  }

  /** A reader found a copy missing or damaged: it is re-read in full, and judged by that alone. */
  async suspect(replica: ReachableReplica, error: unknown): Promise<void> {
    const worth = StorageError.is(error, 'not_found') || StorageError.is(error, 'corrupt') || isCorruptObject(error);
    if (worth) await this.#jobs.enqueue(suspicionJob(replica));
  }
}

/**
 * Copies that a rollback took out of the way come last; then the phase decides; within a role verified copies come first,
 * newer generations before older ones.
 */
export function inReadOrder<R extends ReachableReplica>(phase: Phase, replicas: readonly R[]): R[] {
  const order = readOrder(phase);
  const rank = (replica: ReachableReplica) =>
    (replica.preferred ? 0 : 4) + order.indexOf(roleOf(replica)) * 2 + (replica.verifiedAt ? 0 : 1);
  return [...replicas].sort((a, b) => rank(a) - rank(b) || b.generation - a.generation);
}

function speaksOfCopy(error: unknown): boolean {
  if (StorageError.is(error)) return error.code !== 'aborted';
  return isCorruptObject(error) || (error instanceof LongshoreError && error.code === 'store_unknown');
}

function isCorruptObject(error: unknown): boolean {
  return error instanceof LongshoreError && error.code === 'object_corrupt';
}

export function noCopy(): LongshoreError {
  return new LongshoreError('no_good_copy', 'No copy of this dataset can be read at the moment.', {
    hint: 'See what is wrong with its copies: GET /api/training/dataset/{id}.',
  });
}
