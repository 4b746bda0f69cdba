import { and, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '@/lib/db/database.ts';
import { datasetReplicas, tombstones, trainingDatasets } from '@/lib/db/schema.ts';
import type { ReachableBucket, SecretUsage } from '@/lib/secrets/ports.ts';
import type { SecretUsageView } from '@/lib/secrets/secrets.types.ts';

const NAMED_AT_MOST = 100;

/** Which copies need which secret version: the replica rows know. */
export class ReplicaSecretUsage implements SecretUsage {
  async hold(tx: Transaction, userId: string, secretIds: readonly string[]): Promise<void> {
    if (secretIds.length === 0) return;
    // Whoever takes a copy away locks the dataset's row first, and waits here.
    await tx
      .select({ id: trainingDatasets.id })
      .from(trainingDatasets)
      .where(sql`${trainingDatasets.id}::text in (${copiesOf(userId, secretIds)})`)
      .orderBy(trainingDatasets.id)
      .for('share');
  }

  async usageOf(executor: Executor, userId: string, secretIds: readonly string[]): Promise<SecretUsageView> {
    if (secretIds.length === 0) return { replica_count: 0, dataset_count: 0, sole_copy_count: 0, sole_copies: [] };
    const [counts] = await executor
      .select({
        replicas: sql<number>`count(*)::int`,
        datasets: sql<number>`count(distinct ${datasetReplicas.datasetId})::int`,
      })
      .from(datasetReplicas)
      .where(reachedBy(userId, secretIds));
    const sole = await soleCopies(executor, userId, secretIds);
    return {
      replica_count: counts?.replicas ?? 0,
      dataset_count: counts?.datasets ?? 0,
      sole_copy_count: sole.total,
      sole_copies: sole.named,
    };
  }

  async repoint(tx: Transaction, userId: string, to: ReachableBucket): Promise<number> {
    const { secretId, region } = to;
    const moved = await tx
      .update(datasetReplicas)
      .set({ secretId, region })
      .where(inBucket(datasetReplicas, userId, to))
      .returning({ id: datasetReplicas.id });
    await tx
      .update(tombstones)
      .set({ secretId, region })
      .where(and(inBucket(tombstones, userId, to), isNull(tombstones.doneAt)));
    return moved.length;
  }

  async referenced(executor: Executor, secretIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (secretIds.length === 0) return new Set();
    const ids = [...secretIds];
    const copies = executor
      .select({ id: datasetReplicas.secretId })
      .from(datasetReplicas)
      .where(inArray(datasetReplicas.secretId, ids));
    const addresses = executor
      .select({ id: tombstones.secretId })
      .from(tombstones)
      .where(and(inArray(tombstones.secretId, ids), isNull(tombstones.doneAt)));
    const rows = await copies.union(addresses);
    return new Set(rows.flatMap(({ id }) => id ?? []));
  }
}

function reachedBy(userId: string, secretIds: readonly string[]): SQL | undefined {
  const own = eq(datasetReplicas.userId, userId);
  return and(own, inArray(datasetReplicas.secretId, [...secretIds]), ne(datasetReplicas.state, 'deleting'));
}

function copiesOf(userId: string, secretIds: readonly string[]): SQL {
  return sql`select ${datasetReplicas.datasetId} from ${datasetReplicas} where ${reachedBy(userId, secretIds)}`;
}

/** A copy that is missing or corrupt as far as we know may yet be found whole: it counts as one. A pending one does not. */
async function soleCopies(executor: Executor, userId: string, secretIds: readonly string[]) {
  const written = sql`${datasetReplicas.state} in ('completed', 'missing', 'corrupt')`;
  const rows = await executor
    .select({ id: trainingDatasets.id, name: trainingDatasets.name, total: sql<number>`count(*) over ()::int` })
    .from(trainingDatasets)
    .where(
      and(
        isNull(trainingDatasets.deletedAt),
        sql`${trainingDatasets.id}::text in (${copiesOf(userId, secretIds)} and ${written})`,
        sql`not exists (
          select 1 from ${datasetReplicas}
          where ${datasetReplicas.datasetId} = ${trainingDatasets.id}::text and ${datasetReplicas.state} = 'completed'
            and (${datasetReplicas.secretId} is null or ${datasetReplicas.secretId} not in ${[...secretIds]}))`,
      ),
    )
    .orderBy(trainingDatasets.name, trainingDatasets.id)
    .limit(NAMED_AT_MOST);
  return { total: rows[0]?.total ?? 0, named: rows.map(({ id, name }) => ({ id, name })) };
}

/** What another version of the user's secret reaches in this very bucket. */
function inBucket(
  table: typeof datasetReplicas | typeof tombstones,
  userId: string,
  { secretId, endpoint, bucket }: ReachableBucket,
): SQL | undefined {
  return and(
    eq(table.userId, userId),
    eq(table.provider, 's3'),
    eq(table.bucket, bucket),
    endpoint === null ? isNull(table.endpoint) : eq(table.endpoint, endpoint),
    isNotNull(table.secretId),
    ne(table.secretId, secretId),
  );
}
