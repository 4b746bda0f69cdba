import { and, asc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import type { Executor } from '@/lib/db/database.ts';
import { trainingDatasets } from '@/lib/db/schema.ts';

/** What placement knows of a dataset: whose it is, whether it lives, and what its bytes must be. */
export interface PlacedDataset {
  id: string;
  userId: string;
  status: string;
  objectSha256: string | null;
  sizeBytes: number | null;
  attempt: number;
  /** Null in old rows of other applications. */
  createdAt: Date | null;
  deletedAt: Date | null;
}

const COLUMNS = {
  id: trainingDatasets.id,
  userId: trainingDatasets.userId,
  status: trainingDatasets.status,
  objectSha256: trainingDatasets.objectSha256,
  sizeBytes: trainingDatasets.fileSizeBytes,
  attempt: trainingDatasets.attempt,
  createdAt: trainingDatasets.createdAt,
  deletedAt: trainingDatasets.deletedAt,
};

export async function findPlaced(executor: Executor, datasetId: string): Promise<PlacedDataset | undefined> {
  const [row] = await executor.select(COLUMNS).from(trainingDatasets).where(eq(trainingDatasets.id, datasetId));
  return row;
}

/** Of the datasets with these ids, those that have a row. */
export async function placedAmong(executor: Executor, datasetIds: readonly string[]): Promise<PlacedDataset[]> {
  if (datasetIds.length === 0) return [];
  return executor
    .select(COLUMNS)
    .from(trainingDatasets)
    .where(inArray(trainingDatasets.id, [...datasetIds]));
}

/** The row, locked until the transaction ends: creates, deletions and changes of placement take turns on it. */
export async function lockPlaced(tx: Executor, datasetId: string): Promise<PlacedDataset | undefined> {
  const [row] = await tx.select(COLUMNS).from(trainingDatasets).where(eq(trainingDatasets.id, datasetId)).for('update');
  return row;
}

export function isLiving<T extends Pick<PlacedDataset, 'status' | 'deletedAt'>>(dataset: T | undefined): dataset is T {
  return dataset !== undefined && dataset.status === 'ready' && dataset.deletedAt === null;
}

/** Living datasets after the id `after`, in order of id; of one user where one is named. */
export async function livingAfter(
  executor: Executor,
  after: string,
  limit: number,
  userId?: string,
): Promise<PlacedDataset[]> {
  const living = and(isNull(trainingDatasets.deletedAt), eq(trainingDatasets.status, 'ready'));
  const own = userId === undefined ? undefined : eq(trainingDatasets.userId, userId);
  return executor
    .select(COLUMNS)
    .from(trainingDatasets)
    .where(and(living, own, gt(sql`${trainingDatasets.id}::text`, after)))
    .orderBy(asc(sql`${trainingDatasets.id}::text`))
    .limit(limit);
}
