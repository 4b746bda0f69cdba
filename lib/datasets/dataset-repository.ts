import { and, eq, getTableColumns, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import { type Dataset, datasetNotFound } from '@/lib/datasets/dataset.ts';
import type { ListCursor } from '@/lib/datasets/list-cursor.ts';
import { type ListOrder, orderBy, orderedValue, rowsAfter } from '@/lib/datasets/list-order.ts';
import type { Database, Executor } from '@/lib/db/database.ts';
import { QueryError } from '@/lib/db/query-error.ts';
import { datasetReports, trainingDatasets } from '@/lib/db/schema.ts';
import type { BlockIndex, IngestReport, Kind } from '@/lib/ingest/types.ts';
import { fencedError } from '@/lib/placement/replica.ts';

const { blockIndex: _large, ...COLUMNS } = getTableColumns(trainingDatasets);
const T = trainingDatasets;

export type NewDataset = typeof trainingDatasets.$inferInsert;
export type ListedStatus = 'ready' | 'uploading' | 'all';

export interface ListQuery {
  order: ListOrder;
  cursor?: ListCursor;
  limit: number;
  /** Part of the name or description, any case. */
  q?: string;
  /** Datasets with a completed copy at this provider. */
  provider?: string;
  kind?: Kind;
  /** Only these. */
  ids?: readonly string[];
  status: ListedStatus;
}

/** A page of rows, each with the exact value by which it was ordered. */
export type ListedDataset = Dataset & { orderedBy: string };

/** Dataset rows. Everything a request asks is bound to its user; what is deleted is invisible to all of it. */
export class DatasetRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws dataset_not_found */
  async get(userId: string, id: string, executor: Executor = this.#db): Promise<Dataset> {
    const [row] = await guardId(() => executor.select(COLUMNS).from(T).where(owned(userId, id)));
    if (row === undefined) throw datasetNotFound();
    return row;
  }

  async blockIndex(userId: string, id: string): Promise<BlockIndex | null> {
    const [row] = await this.#db.select({ blockIndex: T.blockIndex }).from(T).where(owned(userId, id));
    return row?.blockIndex ?? null;
  }

  /** In the order asked for. One row more than the limit means that there is another page. */
  async list(userId: string, query: ListQuery): Promise<ListedDataset[]> {
    const { order, cursor } = query;
    const kind = query.kind === undefined ? undefined : eq(T.kind, query.kind);
    const ids = query.ids === undefined ? undefined : inArray(T.id, [...query.ids]);
    const words = matches(query.q);
    const filters = [living(userId), statusIs(query.status), kind, ids, words, hasProvider(userId, query.provider)];
    return guardId(() =>
      this.#db
        .select({ ...COLUMNS, orderedBy: orderedValue(order) })
        .from(T)
        .where(and(...filters, rowsAfter(order, cursor)))
        .orderBy(...orderBy(order))
        .limit(query.limit + 1),
    );
  }

  /** @throws dataset_not_found */
  async patch(
    tx: Executor,
    { userId, id }: { userId: string; id: string },
    change: { name?: string; description?: string | null },
  ): Promise<Dataset> {
    const [row] = await guardId(() =>
      tx
        .update(T)
        .set({ ...change, updatedAt: sql`now()` })
        .where(owned(userId, id))
        .returning(COLUMNS),
    );
    if (row === undefined) throw datasetNotFound();
    return row;
  }

  async insert(tx: Executor, row: NewDataset, report: IngestReport): Promise<void> {
    await tx.insert(T).values(row);
    // A row that comes back may find its report still there.
    await tx.insert(datasetReports).values({ datasetId: row.id, userId: row.userId, report }).onConflictDoNothing();
  }

  /** The whole row, for those who hold its attempt and for recovery; never for a request. */
  async load(id: string, executor: Executor = this.#db): Promise<typeof trainingDatasets.$inferSelect | undefined> {
    const [row] = await executor.select().from(T).where(eq(T.id, id));
    return row;
  }

  /** Whether there is a row, deleted ones included. */
  async exists(id: string): Promise<boolean> {
    const rows = await this.#db.select({ id: T.id }).from(T).where(eq(T.id, id));
    return rows.length > 0;
  }

  /** Fences whoever held the attempt. Undefined when the dataset is no longer `uploading` under that attempt. */
  async raiseAttempt(tx: Executor, id: string, attempt: number): Promise<number | undefined> {
    const [row] = await tx
      .update(T)
      .set({ attempt: attempt + 1, updatedAt: sql`now()` })
      .where(and(held(id, attempt), eq(T.status, 'uploading')))
      .returning({ attempt: T.attempt });
    return row?.attempt;
  }

  /** The commit point. @throws fenced */
  async markReady(tx: Executor, id: string, attempt: number): Promise<void> {
    const rows = await tx
      .update(T)
      .set({ status: 'ready', updatedAt: sql`now()` })
      .where(and(held(id, attempt), eq(T.status, 'uploading')))
      .returning({ id: T.id });
    if (rows.length === 0) throw fencedError(`Dataset ${id}`);
  }

  /** Makes a dataset invisible and fences its writers. */
  async markDeleted(tx: Executor, id: string): Promise<void> {
    await tx
      .update(T)
      .set({ deletedAt: sql`now()`, attempt: sql`${T.attempt} + 1`, updatedAt: sql`now()` })
      .where(eq(T.id, id));
  }

  /** The rows of a dataset whose objects are gone. */
  async removeDeleted(tx: Executor, id: string): Promise<void> {
    const clean = sql`${T.deletedAt} is not null and not exists (
      select 1 from longshore.dataset_replicas r where r.dataset_id = ${T.id}::text)`;
    const gone = await tx
      .delete(T)
      .where(and(eq(T.id, id), clean))
      .returning({ id: T.id });
    if (gone.length > 0) await tx.delete(datasetReports).where(eq(datasetReports.datasetId, id));
  }

  async report(userId: string, id: string): Promise<IngestReport | undefined> {
    const own = and(eq(datasetReports.datasetId, id), eq(datasetReports.userId, userId));
    const [row] = await this.#db.select({ report: datasetReports.report }).from(datasetReports).where(own);
    return row?.report;
  }

  /** Datasets that are marked deleted and not yet cleaned up. */
  async deleted(limit: number): Promise<{ id: string; userId: string }[]> {
    return this.#db.select({ id: T.id, userId: T.userId }).from(T).where(sql`${T.deletedAt} is not null`).limit(limit);
  }
}

function living(userId: string): SQL | undefined {
  return and(eq(T.userId, userId), isNull(T.deletedAt));
}

function owned(userId: string, id: string): SQL | undefined {
  return and(eq(T.id, id), living(userId));
}

function held(id: string, attempt: number): SQL | undefined {
  return and(eq(T.id, id), eq(T.attempt, attempt), isNull(T.deletedAt));
}

function statusIs(status: ListedStatus): SQL | undefined {
  return status === 'all' ? undefined : eq(T.status, status);
}

function matches(q: string | undefined): SQL | undefined {
  if (q === undefined || q === '') return undefined;
  const pattern = `%${q.replace(/[\\%_]/g, '\\$&')}%`;
  return sql`(${T.name} ilike ${pattern} or ${T.description} ilike ${pattern})`;
}

function hasProvider(userId: string, provider: string | undefined): SQL | undefined {
  if (provider === undefined) return undefined;
  return sql`exists (select 1 from longshore.dataset_replicas r
    where r.dataset_id = ${T.id}::text and r.user_id = ${userId} and r.provider = ${provider} and r.state = 'completed')`;
}

/** In tables from before Longshore ids may be uuids: text that is none is an id that nobody has. */
export async function guardId<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof QueryError && error.sqlState === '22P02') throw datasetNotFound();
    throw error;
  }
}
