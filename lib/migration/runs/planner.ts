import { and, asc, gt, gte, inArray, isNull, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { migrationItems, trainingDatasets } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { type NewItem, type PlannedDataset, planItem } from '@/lib/migration/runs/plan-item.ts';
import type { MigrationFilters } from '@/lib/migration/types.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import type { StoreRegistry, StoreTarget } from '@/lib/placement/store-registry.ts';

const PAGE = 500;
const T = trainingDatasets;

/** The bucket of a user, the platform's where the user has none; undefined where there is neither. */
export async function bucketOf(registry: StoreRegistry, userId: string): Promise<StoreTarget | undefined> {
  try {
    const [target] = await registry.wanted(userId, 's3_primary');
    return target;
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'bucket_required') return undefined;
    throw error;
  }
}

/** Writes one row a dataset into a run. Memory is that of one page, however many datasets there are. */
export class Planner {
  readonly #db: Database;
  readonly #registry: StoreRegistry;
  readonly #replicas: ReplicaRepository;

  constructor(parts: { db: Database; registry: StoreRegistry; replicas: ReplicaRepository }) {
    this.#db = parts.db;
    this.#registry = parts.registry;
    this.#replicas = parts.replicas;
  }

  /**
   * Adds rows for datasets that the run does not have yet. Called again it finds what has come since. Returns how many
   * of them are to be moved.
   */
  async extend(runId: string, filters: MigrationFilters, signal?: AbortSignal): Promise<number> {
    const targets = new Map<string, StoreTarget | undefined>();
    let added = 0;
    for (let after = ''; ; ) {
      signal?.throwIfAborted();
      const datasets = await this.#page(runId, filters, after);
      added += await this.#insert(runId, await this.#items(datasets, targets));
      after = datasets.at(-1)?.id ?? '';
      if (datasets.length < PAGE) break;
    }
    // The planner of the database learns at once how large the run is, not when autovacuum comes by.
    if (added >= PAGE) await this.#db.execute(sql`analyze longshore.migration_items`);
    return added;
  }

  async #items(datasets: readonly PlannedDataset[], targets: Map<string, StoreTarget | undefined>): Promise<NewItem[]> {
    for (const { userId } of datasets) {
      if (!targets.has(userId)) targets.set(userId, await bucketOf(this.#registry, userId));
    }
    const replicas = await this.#replicas.ofDatasets(datasets.map((dataset) => dataset.id));
    const byDataset = groupByDataset(replicas);
    return datasets.flatMap((dataset) => {
      return planItem(dataset, byDataset.get(dataset.id) ?? [], targets.get(dataset.userId)) ?? [];
    });
  }

  async #insert(runId: string, items: readonly NewItem[]): Promise<number> {
    if (items.length === 0) return 0;
    const rows = await this.#db
      .insert(migrationItems)
      .values(items.map((item) => ({ ...item, runId })))
      .onConflictDoNothing()
      .returning({ state: migrationItems.state });
    return rows.filter((row) => row.state === 'pending').length;
  }

  /** Living datasets without a row in the run, in order of id. */
  async #page(runId: string, filters: MigrationFilters, after: string): Promise<PlannedDataset[]> {
    const id = sql<string>`${T.id}::text`;
    const listed = sql`exists (select 1 from longshore.migration_items i
      where i.run_id = ${runId} and i.dataset_id = ${T.id}::text)`;
    return this.#db
      .select({
        id,
        userId: sql<string>`${T.userId}::text`,
        name: T.name,
        sizeBytes: T.fileSizeBytes,
        objectSha256: T.objectSha256,
      })
      .from(T)
      .where(
        and(isNull(T.deletedAt), sql`${T.status} = 'ready'`, gt(id, after), sql`not ${listed}`, ...wanted(filters)),
      )
      .orderBy(asc(id))
      .limit(PAGE);
  }
}

export function groupByDataset(replicas: readonly Replica[]): Map<string, Replica[]> {
  const groups = new Map<string, Replica[]>();
  for (const replica of replicas) {
    const group = groups.get(replica.datasetId);
    if (group === undefined) groups.set(replica.datasetId, [replica]);
    else group.push(replica);
  }
  return groups;
}

function wanted(filters: MigrationFilters): (SQL | undefined)[] {
  const { userIds, createdBefore, createdAfter, minBytes, maxBytes } = filters;
  return [
    userIds === undefined ? undefined : inArray(sql`${T.userId}::text`, [...userIds]),
    createdBefore === undefined ? undefined : lt(T.createdAt, createdBefore),
    createdAfter === undefined ? undefined : gte(T.createdAt, createdAfter),
    minBytes === undefined ? undefined : gte(T.fileSizeBytes, minBytes),
    maxBytes === undefined ? undefined : lte(T.fileSizeBytes, maxBytes),
  ];
}
