import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '@/lib/db/database.ts';

/** A row as adoption sees it. */
export interface LegacyRow {
  id: string;
  userId: string;
  storagePath: string;
  sizeBytes: number | null;
  /** A copy that metadata names. */
  s3StoragePath: string | null;
  /** False for datasets whose content Longshore knows: their rows only explain objects. */
  legacy: boolean;
}

interface Found extends Record<string, unknown> {
  id: string;
  user_id: string;
  storage_path: string;
  size_bytes: number | null;
  s3_path: string | null;
  legacy: boolean;
}

const PAGE = 1000;

/**
 * Every row in byte order of its path, a page at a time.
 * @param migrated whether Longshore's columns are there
 */
export async function* legacyRows(executor: Executor, migrated: boolean): AsyncGenerator<LegacyRow> {
  for (let last: LegacyRow | undefined; ; ) {
    const page = await readPage(executor, migrated, last);
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}

async function readPage(executor: Executor, migrated: boolean, last: LegacyRow | undefined): Promise<LegacyRow[]> {
  const { rows } = await executor.execute<Found>(sql`
    select id::text as id, user_id::text as user_id, storage_path::text as storage_path,
      file_size_bytes::float8 as size_bytes, ${S3_CLAIM} as s3_path,
      ${migrated ? sql`(object_sha256 is null and status = 'ready')` : sql`true`} as legacy
    from public.training_datasets
    where ${migrated ? sql`deleted_at is null` : sql`true`} and ${after(last)}
    order by storage_path::text collate "C", id::text collate "C"
    limit ${PAGE}`);
  return rows.map(toRow);
}

const S3_CLAIM = sql`case when jsonb_typeof(metadata -> 's3_storage_path') = 'string'
  then nullif(metadata ->> 's3_storage_path', '') end`;

function after(last: LegacyRow | undefined): SQL {
  if (last === undefined) return sql`true`;
  return sql`(storage_path::text collate "C", id::text collate "C") > (${last.storagePath}::text, ${last.id}::text)`;
}

function toRow(row: Found): LegacyRow {
  return {
    id: row.id,
    userId: row.user_id,
    storagePath: row.storage_path,
    sizeBytes: row.size_bytes,
    s3StoragePath: row.s3_path,
    legacy: row.legacy,
  };
}
