import { sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import type { StoreAddress } from '@/lib/placement/store-registry.ts';
import { DATASET_DELETED } from '@/lib/placement/tombstone-repository.ts';

/** What the database knows of a dataset whose object was found. */
export interface KnownDataset extends Record<string, unknown> {
  userId: string;
  status: string;
  deleted: boolean;
  objectSha256: string | null;
}

/** Asks the rows about objects, many at a time. */
export class KnownObjects {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Those of the keys that a replica, whatever its state, or an address still to be looked at names in this store. */
  async named(address: StoreAddress, keys: readonly string[], executor: Executor = this.#db): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const here = sql`provider = ${address.provider} and coalesce(endpoint, '') = ${address.endpoint ?? ''}
      and bucket = ${address.bucket} and object_key = any(${textArray(keys)})`;
    const { rows } = await executor.execute<{ key: string }>(sql`
      select object_key as key from longshore.dataset_replicas where ${here}
      union select object_key from longshore.tombstones where done_at is null and ${here}`);
    return new Set(rows.map(({ key }) => key));
  }

  /** Rows from before Longshore name their object by a column only, until they are adopted. */
  async isOldPath(key: string, executor: Executor = this.#db): Promise<boolean> {
    const { rows } = await executor.execute(sql`
      select 1 from public.training_datasets
      where storage_path = ${key} or metadata->>'s3_storage_path' = ${key} limit 1`);
    return rows.length > 0;
  }

  /** Deleted ones included. */
  async datasetCount(): Promise<number> {
    const { rows } = await this.#db.execute<{ count: number }>(
      sql`select count(*)::int as count from public.training_datasets`,
    );
    return rows[0]?.count ?? 0;
  }

  async datasets(ids: readonly string[]): Promise<Map<string, KnownDataset>> {
    if (ids.length === 0) return new Map();
    const { rows } = await this.#db.execute<KnownDataset & { id: string }>(sql`
      select id::text as id, user_id::text as "userId", status, deleted_at is not null as deleted,
             object_sha256 as "objectSha256"
      from public.training_datasets where id::text = any(${textArray(ids)})`);
    return new Map(rows.map(({ id, ...known }) => [id, known]));
  }

  /** Those of the datasets that were deleted, as far back as that is remembered. */
  async deleted(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const { rows } = await this.#db.execute<{ id: string }>(sql`
      select distinct dataset_id as id from longshore.tombstones
      where reason = ${DATASET_DELETED} and dataset_id = any(${textArray(ids)})`);
    return new Set(rows.map(({ id }) => id));
  }
}

function textArray(values: readonly string[]) {
  return sql`array[${sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  )}]::text[]`;
}
