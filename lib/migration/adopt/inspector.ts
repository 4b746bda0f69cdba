import { eq } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { adoptedDatasets } from '@/lib/db/schema.ts';
import type { IngestPool } from '@/lib/ingest/pool/ingest-pool.ts';
import type { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';
import { type FirstReading, readForTheFirstTime } from '@/lib/migration/adopt/first-reading.ts';
import type { Problem } from '@/lib/migration/adopt/problems.ts';
import { type ReadCopy, ReadingWriter } from '@/lib/migration/adopt/reading-writer.ts';
import { Gatherer } from '@/lib/migration/engine/gatherer.ts';
import { findPlaced, isLiving, type PlacedDataset } from '@/lib/placement/placed-dataset.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import { isFenced, isReadable, type Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { Sentinels } from '@/lib/placement/sentinel.ts';
import type { StoreRegistry } from '@/lib/placement/store-registry.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { Pace } from '@/lib/streams/pace.ts';

export interface InspectorParts {
  db: Database;
  repository: AdoptionRepository;
  replicas: ReplicaRepository;
  registry: StoreRegistry;
  sentinels: Sentinels;
  reconciler: Reconciler;
  pool: IngestPool;
  /** Shared by all readings of this process. */
  pace: Pace;
}

export type Inspection = 'inspected' | 'missing' | 'known' | 'changed';

/** Readings that are written by one transaction. */
const WRITTEN_AT_ONCE = 64;

/**
 * Reads datasets from before Longshore for the first time, and writes down what their bytes are. From then on they are
 * datasets like all others. The object is not changed, nor is any column that the old application filled.
 */
export class Inspector {
  readonly #parts: InspectorParts;
  readonly #writer: ReadingWriter;
  readonly #writing: Gatherer<ReadCopy, boolean>;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
    this.#writer = new ReadingWriter(parts);
    this.#writing = new Gatherer((read: readonly ReadCopy[]) => this.#write(read), WRITTEN_AT_ONCE);
  }

  /** May be repeated at any time. @throws StorageError when a store cannot be asked: then nothing is concluded */
  async inspect(datasetId: string, signal?: AbortSignal): Promise<Inspection> {
    const dataset = await findPlaced(this.#parts.db, datasetId);
    if (!isLiving(dataset) || !(await this.#isUnread(datasetId))) return 'known';
    return this.inspectUnread(dataset, await this.#parts.replicas.ofDataset(datasetId), signal);
  }

  /** As `inspect`, for those who know the rows already. What comes at the same time is written together. */
  async inspectUnread(seen: PlacedDataset, copies: readonly Replica[], signal?: AbortSignal): Promise<Inspection> {
    const read = await this.#readFirst(copies.filter(isReadable), signal);
    if (read === undefined) return 'missing';
    return (await this.#writing.add({ seen, ...read })) ? 'inspected' : 'changed';
  }

  async #write(read: readonly ReadCopy[]): Promise<boolean[]> {
    const written = await this.#writer.write(read);
    const ids = read.flatMap(({ seen }, at) => (written[at] === true ? seen.id : []));
    await this.#parts.reconciler.reconcileThese(ids);
    return written;
  }

  async #isUnread(datasetId: string): Promise<boolean> {
    const [row] = await this.#parts.db
      .select({ inspectedAt: adoptedDatasets.inspectedAt })
      .from(adoptedDatasets)
      .where(eq(adoptedDatasets.datasetId, datasetId));
    return row !== undefined && row.inspectedAt === null;
  }

  /** The base copy before others. One that is not there is marked, and the next one is read. */
  async #readFirst(copies: readonly Replica[], signal: AbortSignal | undefined) {
    const baseFirst = [...copies].sort((a, b) => Number(a.provider === 's3') - Number(b.provider === 's3'));
    for (const replica of baseFirst) {
      const reading = await this.#read(replica, signal);
      if (reading !== undefined) return { replica, reading };
    }
    return undefined;
  }

  async #read(replica: Replica, signal: AbortSignal | undefined): Promise<FirstReading | undefined> {
    const { registry, sentinels, pool, pace } = this.#parts;
    const service = await registry.resolve(replica);
    await sentinels.ensure(service, replica.userId);
    try {
      const { body } = await service.get(replica.objectKey, { versionId: replica.versionId ?? undefined, signal });
      try {
        return await readForTheFirstTime(body, { pool, signal, onBytes: (count) => pace.pass(count) });
      } finally {
        body.destroy();
      }
    } catch (error) {
      if (!StorageError.is(error, 'not_found')) throw error;
      await sentinels.assertReadable(service, replica.userId);
      await this.#markMissing(replica);
      return undefined;
    }
  }

  async #markMissing(replica: Replica): Promise<void> {
    const facts = {
      errorCode: 'missing',
      errorMessage: 'The row names an object that is not there.',
      verifiedAt: null,
    };
    await this.#parts.replicas.move(replica, 'missing', facts).catch((error) => {
      if (!isFenced(error)) throw error;
    });
    const { objectKey: object_key, datasetId: dataset_id, userId: user_id } = replica;
    const problem: Problem = { code: 'object_missing', object_key, dataset_id, user_id, details: {} };
    await this.#parts.repository.record([problem], 'inspection');
  }
}
