import { sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import type { Inspector } from '@/lib/migration/adopt/inspector.ts';
import { ByteBudget } from '@/lib/migration/engine/byte-budget.ts';
import { forEachOf } from '@/lib/migration/runs/for-each-of.ts';
import { groupByDataset } from '@/lib/migration/runs/planner.ts';
import { isLiving, placedAmong } from '@/lib/placement/placed-dataset.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';

/** Datasets are divided by their ids, so that processes share the work without a row of its own for each. */
const SLICES = 32;
const PAGE = 256;
const AT_ONCE = 8;
/** Of objects that are read at a time: many small ones, or two that are larger than half of it. */
const BYTES_AT_ONCE = 16 * 1024 * 1024;
/** So many failures in a row are the store's, not the objects': the rest waits for the next attempt. */
const MOST_FAILURES = 16;

const UNREAD = sql`a.state = 'adopted' and a.inspected_at is null and exists (
  select 1 from longshore.dataset_replicas r where r.dataset_id = a.dataset_id and r.state = 'completed')`;
const SLICE = sql`abs(hashtext(a.dataset_id)::bigint) % ${sql.raw(String(SLICES))}`;

/** The first readings of adopted datasets, as many at a time as memory allows. Small ones cost a request each. */
export class FirstReadings {
  readonly #db: Database;
  readonly #replicas: ReplicaRepository;
  readonly #inspector: Inspector;
  readonly #budget = new ByteBudget(BYTES_AT_ONCE);

  constructor(parts: { db: Database; replicas: ReplicaRepository; inspector: Inspector }) {
    this.#db = parts.db;
    this.#replicas = parts.replicas;
    this.#inspector = parts.inspector;
  }

  /** The slices in which something is left to be read, with how many datasets. */
  async open(): Promise<{ slice: number; datasets: number }[]> {
    const { rows } = await this.#db.execute<{ slice: number; datasets: number }>(sql`
      select (${SLICE})::int as slice, count(*)::int as datasets from longshore.adopted_datasets a
      where ${UNREAD} group by 1 order by 1`);
    return rows;
  }

  /**
   * Reads what is unread of a slice, once each; stopped anywhere it goes on with what is left. Returns how many were read.
   * @throws the first failure when all others had their turn: what failed is tried again by the next call
   */
  async work(slice: number, signal?: AbortSignal, onProgress?: (read: number) => void): Promise<number> {
    const failures = new Failures();
    let read = 0;
    for (let after = ''; ; ) {
      const ids = await this.#page(slice, after);
      const copies = groupByDataset(await this.#replicas.ofDatasets(ids));
      await forEachOf((await placedAmong(this.#db, ids)).filter(isLiving), AT_ONCE, async (dataset) => {
        const own = copies.get(dataset.id) ?? [];
        const inspection = await failures.watch(signal, () =>
          this.#within(own, signal, () => {
            return this.#inspector.inspectUnread(dataset, own, signal);
          }),
        );
        if (inspection !== undefined) onProgress?.(++read);
      });
      after = ids.at(-1) ?? '';
      if (ids.length < PAGE) break;
    }
    failures.throwFirst();
    return read;
  }

  async #page(slice: number, after: string): Promise<string[]> {
    const { rows } = await this.#db.execute<{ id: string }>(sql`
      select a.dataset_id as id from longshore.adopted_datasets a
      where ${UNREAD} and ${SLICE} = ${slice} and a.dataset_id > ${after} order by a.dataset_id limit ${PAGE}`);
    return rows.map((row) => row.id);
  }

  async #within<T>(copies: readonly Replica[], signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const sizes = copies.map((copy) => copy.sizeBytes ?? BYTES_AT_ONCE / 2);
    const release = await this.#budget.acquire(Math.min(Math.max(0, ...sizes), BYTES_AT_ONCE / 2), signal);
    try {
      return await work();
    } finally {
      release();
    }
  }
}

/** What went wrong with single objects while others were read. */
class Failures {
  #first: unknown;
  #inARow = 0;

  /** Undefined when `work` failed. @throws its failure when too many followed each other, or `signal` aborted */
  async watch<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T | undefined> {
    try {
      signal?.throwIfAborted();
      const result = await work();
      this.#inARow = 0;
      return result;
    } catch (error) {
      this.#first ??= error;
      this.#inARow += 1;
      if (signal?.aborted || this.#inARow >= MOST_FAILURES) throw error;
      return undefined;
    }
  }

  throwFirst(): void {
    if (this.#first !== undefined) throw this.#first;
  }
}
