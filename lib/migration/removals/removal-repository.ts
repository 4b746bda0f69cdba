import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { type RemovalEntryState, type RemovalKind, removalEntries, removals } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';

export type Removal = typeof removals.$inferSelect;
export type RemovalEntry = typeof removalEntries.$inferSelect;
export type NewEntry = typeof removalEntries.$inferInsert;

const E = removalEntries;

/** Manifests: which copies are to go, and what was proved of those that stay. */
export class RemovalRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async insert(
    executor: Executor,
    removal: { kind: RemovalKind; runId: string | null; actor: string },
  ): Promise<Removal> {
    const [row] = await executor
      .insert(removals)
      .values({ ...removal, id: newId(), state: 'listing' })
      .returning();
    if (row === undefined) throw new Error('an insert returned no row');
    return row;
  }

  /** @throws removal_not_found */
  async get(id: string): Promise<Removal> {
    const [row] = await this.#db.select().from(removals).where(eq(removals.id, id));
    if (row !== undefined) return row;
    throw new LongshoreError('removal_not_found', 'There is no such list of copies to remove.', {
      hint: 'Make one: `longshore purge-base`, or `longshore migrate rollback RUN --remove`.',
    });
  }

  async addEntry(entry: NewEntry): Promise<void> {
    await this.#db.insert(E).values(entry).onConflictDoNothing();
  }

  /** The list is complete and proved; it may be applied from `notBefore` on. */
  async listed(id: string, notBefore: Date): Promise<void> {
    await this.#db
      .update(removals)
      .set({ state: 'listed', listedAt: sql`now()`, notBefore })
      .where(and(eq(removals.id, id), eq(removals.state, 'listing')));
  }

  /** Undefined when the list is not one that waits to be applied. */
  async beginApplying(executor: Executor, id: string): Promise<Removal | undefined> {
    const [row] = await executor
      .update(removals)
      .set({ state: 'applying' })
      .where(and(eq(removals.id, id), inArray(removals.state, ['listed', 'applying'])))
      .returning();
    return row;
  }

  async applied(id: string): Promise<void> {
    await this.#db
      .update(removals)
      .set({ state: 'applied', appliedAt: sql`now()` })
      .where(and(eq(removals.id, id), eq(removals.state, 'applying')));
  }

  async settle(
    entry: RemovalEntry,
    state: 'refused' | 'removed',
    fault: { errorCode: string; errorMessage: string } | undefined,
  ): Promise<void> {
    const facts = fault ?? { errorCode: null, errorMessage: null };
    await this.#db
      .update(E)
      .set({ state, ...facts, removedAt: state === 'removed' ? sql`now()` : null })
      .where(and(eq(E.removalId, entry.removalId), eq(E.replicaId, entry.replicaId)));
  }

  /** In order of replica id. */
  async entries(
    id: string,
    query: { state?: RemovalEntryState; after?: string; limit: number },
  ): Promise<RemovalEntry[]> {
    const state = query.state === undefined ? undefined : eq(E.state, query.state);
    const after = query.after === undefined ? undefined : gt(E.replicaId, query.after);
    return this.#db
      .select()
      .from(E)
      .where(and(eq(E.removalId, id), state, after))
      .orderBy(asc(E.replicaId))
      .limit(query.limit);
  }

  async counts(id: string): Promise<Record<RemovalEntryState, number> & { bytes: number }> {
    const counts = { listed: 0, refused: 0, removed: 0, bytes: 0 };
    const { rows } = await this.#db.execute<{ state: RemovalEntryState; count: number; bytes: string }>(sql`
      select state, count(*)::int as count, coalesce(sum(size_bytes), 0)::text as bytes
      from longshore.removal_entries where removal_id = ${id} group by state`);
    for (const row of rows) {
      counts[row.state] = row.count;
      if (row.state !== 'refused') counts.bytes += Number(row.bytes);
    }
    return counts;
  }
}
