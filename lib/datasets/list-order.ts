import { and, asc, desc, type SQL, sql } from 'drizzle-orm';
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

/** What is ordered by, and the type that its text is read back as. Unknown counts and sizes are below all others. */
const KEYS: Record<Exclude<ListSort, 'created'>, { value: SQL; type: SQL }> = {
  name: { value: sql`lower(${T.name})`, type: sql`text` },
  examples: { value: sql`coalesce(${T.totalExamples}, -1)::bigint`, type: sql`bigint` },
  size: { value: sql`coalesce(${T.fileSizeBytes}, -1)::bigint`, type: sql`bigint` },
};

/** The value by which a row has its place, as text: it goes into the cursor of the page that the row ends. */
export function orderedValue({ sort }: ListOrder): SQL<string | null> {
  return sort === 'created' ? sql<string | null>`${T.createdAt}::text` : sql<string>`${KEYS[sort].value}::text`;
}

export function orderBy({ sort, descending }: ListOrder): SQL[] {
  const direction = descending ? desc : asc;
  return [direction(sort === 'created' ? T.createdAt : KEYS[sort].value), direction(T.id)];
}

/** The rows that come after a cursor. */
export function rowsAfter({ sort, descending }: ListOrder, cursor: ListCursor | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  if (sort === 'created') return descending ? olderThan(cursor) : newerThan(cursor);
  const { value, type } = KEYS[sort];
  const beyond = descending ? sql`<` : sql`>`;
  return sql`(${value}, ${T.id}) ${beyond} (${cursor.value}::${type}, ${cursor.id})`;
}

/** Rows from before Longshore may have no created_at: going down they come first. */
function olderThan({ value, id }: ListCursor): SQL | undefined {
  if (value !== null) return sql`(${T.createdAt}, ${T.id}) < (${value}, ${id})`;
  return sql`(${T.createdAt} is null and ${T.id} < ${id} or ${T.createdAt} is not null)`;
}

function newerThan({ value, id }: ListCursor): SQL | undefined {
  if (value !== null) return sql`((${T.createdAt}, ${T.id}) > (${value}, ${id}) or ${T.createdAt} is null)`;
  return and(sql`${T.createdAt} is null`, sql`${T.id} > ${id}`);
}
