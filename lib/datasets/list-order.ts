import { asc, desc, type SQL, sql } from 'drizzle-orm';
import type { ListCursor } from '@/lib/datasets/list-cursor.ts';
import { trainingDatasets } from '@/lib/db/schema.ts';

export const LIST_SORTS = ['created', 'name', 'examples', 'size'] as const;
export type ListSort = (typeof LIST_SORTS)[number];

/** How a list of datasets is ordered. Equal values are ordered by id, so that every row has its one place. */
export interface ListOrder {
  sort: ListSort;
  descending: boolean;
}

const T = trainingDatasets;

/**
 * What is ordered by; the database has an index for each (0008). Unknown counts and sizes are below all others, rows from
 * before Longshore without a time are newest, and of a name as much counts as Longshore gives one: an older application
 * may have kept longer ones than an index takes.
 */
const KEYS: Record<ListSort, SQL> = {
  created: sql`coalesce(${T.createdAt}, 'infinity')`,
  name: sql`left(lower(${T.name}), 200)`,
  examples: sql`coalesce(${T.totalExamples}, -1)::bigint`,
  size: sql`coalesce(${T.fileSizeBytes}, -1)::bigint`,
};

/** The value by which a row has its place, as text: it goes into the cursor of the page that the row ends. */
export function orderedValue({ sort }: ListOrder): SQL<string> {
  return sql<string>`${KEYS[sort]}::text`;
}

export function orderBy({ sort, descending }: ListOrder): SQL[] {
  const direction = descending ? desc : asc;
  return [direction(KEYS[sort]), direction(T.id)];
}

/** The rows that come after a cursor, whose text is read as whatever type its column has: in old tables that differs. */
export function rowsAfter({ sort, descending }: ListOrder, cursor: ListCursor | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const beyond = descending ? sql`<` : sql`>`;
  return sql`(${KEYS[sort]}, ${T.id}) ${beyond} (${cursor.value}, ${cursor.id})`;
}
