import { and, asc, eq, gt, inArray, type SQL, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { migrationItems } from '@/lib/db/schema.ts';
import type { CheckMark, MigrationItem, MigrationItemState, RunTotals } from '@/lib/migration/types.ts';

const I = migrationItems;
/** A process that was not heard of for so long does not count into rate and time left. */
const WORKER_SILENT_SECONDS = 15;
const ERRORS_SHOWN = 10;

export interface ItemQuery {
  states?: readonly MigrationItemState[];
  errorCode?: string;
  /** The dataset id that the page before ended with. */
  after?: string;
  limit: number;
}

/** What a run's items are and add up to: for people to read. */
export class ItemQueries {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** In order of dataset id. One row more than the limit means that there is another page. */
  async list(runId: string, query: ItemQuery): Promise<MigrationItem[]> {
    const { states, errorCode, after, limit } = query;
    const filters: (SQL | undefined)[] = [
      states === undefined ? undefined : inArray(I.state, [...states]),
      errorCode === undefined ? undefined : eq(I.errorCode, errorCode),
      after === undefined ? undefined : gt(I.datasetId, after),
    ];
    return this.#db
      .select()
      .from(I)
      .where(and(eq(I.runId, runId), ...filters))
      .orderBy(asc(I.datasetId))
      .limit(limit + 1);
  }

  async totals(runId: string): Promise<RunTotals> {
    const counts = { pending: 0, copying: 0, verifying: 0, done: 0, skipped: 0, failed: 0, quarantined: 0 };
    const bytes = { planned: 0, copied: 0, verified: 0 };
    for (const row of await this.#byState(runId)) {
      counts[row.state] = row.count;
      if (row.state === 'skipped') continue;
      bytes.planned += Number(row.size);
      bytes.copied += Number(row.copied);
      if (row.state === 'done') bytes.verified += Number(row.size);
    }
    return {
      counts,
      bytes,
      errors: await this.#errors(runId),
      checks: await this.#checks(runId),
      workers: await this.#workers(runId),
    };
  }

  async #byState(runId: string) {
    const { rows } = await this.#db.execute<{ state: MigrationItemState; count: number; size: string; copied: string }>(
      sql`select state, count(*)::int as count, coalesce(sum(size_bytes), 0)::text as size,
            coalesce(sum(bytes_copied), 0)::text as copied
          from longshore.migration_items where run_id = ${runId} group by state`,
    );
    return rows;
  }

  async #errors(runId: string): Promise<RunTotals['errors']> {
    const { rows } = await this.#db.execute<{ code: string; count: number; message: string; hint: string | null }>(
      sql`select error_code as code, count(*)::int as count, min(error_message) as message, min(error_hint) as hint
          from longshore.migration_items where run_id = ${runId} and error_code is not null and state <> 'done'
          group by error_code order by count(*) desc, error_code limit ${ERRORS_SHOWN}`,
    );
    return rows;
  }

  async #checks(runId: string): Promise<RunTotals['checks']> {
    const checks = { '=': 0, '-': 0, '*': 0, '!': 0 };
    const { rows } = await this.#db.execute<{ mark: CheckMark; count: number }>(
      sql`select check_mark as mark, count(*)::int as count from longshore.migration_items
          where run_id = ${runId} and check_mark is not null group by check_mark`,
    );
    for (const { mark, count } of rows) checks[mark] = count;
    return checks;
  }

  async #workers(runId: string): Promise<RunTotals['workers']> {
    const { rows } = await this.#db.execute<RunTotals['workers'][number] & Record<string, unknown>>(
      sql`select owner, bytes_per_second as "bytesPerSecond", items_per_second as "itemsPerSecond", concurrency
          from longshore.migration_workers
          where run_id = ${runId} and seen_at > now() - make_interval(secs => ${WORKER_SILENT_SECONDS})
          order by owner`,
    );
    return rows;
  }
}
