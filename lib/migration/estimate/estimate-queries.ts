import { sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';

export interface Volume {
  datasets: number;
  bytes: number;
}

export interface UserVolume extends Volume {
  user_id: string;
  to_copy: number;
  to_copy_bytes: number;
  bucket: 'own' | 'platform' | 'none';
}

export interface Totals {
  all: Volume;
  /** With a copy in S3 that was read back. */
  in_s3: Volume;
  to_copy: Volume;
  /** Neither the store nor the row says how large they are. */
  unknown_size: number;
  /** Rows that no adoption took in: they have no copy to move. */
  not_adopted: number;
  /** To be read once before anything is known of their content. */
  unread: Volume;
  users: number;
  /** Those who have something to copy, and nowhere to. */
  without_bucket: Volume & { users: number };
}

export interface SizeClass extends Volume {
  /** Null for the last one. */
  below_bytes: number | null;
}

const KIB = 1024;
const SIZE_CLASSES = [64 * KIB, KIB ** 2, 8 * KIB ** 2, 64 * KIB ** 2, 256 * KIB ** 2, KIB ** 3];

/** Every living dataset with its size, whether S3 has it, and whether it lies anywhere we know. */
const VOLUME = sql`(
  select d.id::text as id, d.user_id::text as user_id, d.object_sha256 is null as unread,
    coalesce(max(r.size_bytes) filter (where r.state = 'completed'), d.file_size_bytes) as bytes,
    coalesce(bool_or(r.provider = 's3' and r.state = 'completed' and r.verified_at is not null), false) as in_s3,
    coalesce(bool_or(r.state = 'completed'), false) as readable, count(r.id) = 0 as unknown
  from public.training_datasets d left join longshore.dataset_replicas r on r.dataset_id = d.id::text
  where d.deleted_at is null and d.status = 'ready'
  group by d.id, d.user_id, d.object_sha256, d.file_size_bytes)`;

/** Sums over all datasets: one pass each, whatever their number. */
export class EstimateQueries {
  readonly #db: Database;
  readonly #platformBucket: boolean;

  constructor(db: Database, { platformBucket }: { platformBucket: boolean }) {
    this.#db = db;
    this.#platformBucket = platformBucket;
  }

  async totals(): Promise<Totals> {
    const { rows } = await this.#db.execute<Record<string, number>>(sql`
      select ${volume('all', sql`true`)}, ${volume('s3', sql`in_s3`)}, ${volume('copy', sql`not in_s3 and readable`)},
        ${volume('unread', sql`unread and readable`)},
        count(*) filter (where bytes is null)::int as unknown_size, count(*) filter (where unknown)::int as not_adopted,
        count(distinct user_id)::int as users
      from ${VOLUME} v`);
    const [row = {}] = rows;
    const of = (name: string): Volume => ({ datasets: row[`${name}_n`] ?? 0, bytes: row[`${name}_b`] ?? 0 });
    return {
      all: of('all'),
      in_s3: of('s3'),
      to_copy: of('copy'),
      unread: of('unread'),
      unknown_size: row.unknown_size ?? 0,
      not_adopted: row.not_adopted ?? 0,
      users: row.users ?? 0,
      without_bucket: await this.#withoutBucket(),
    };
  }

  async #withoutBucket(): Promise<Totals['without_bucket']> {
    if (this.#platformBucket) return { users: 0, datasets: 0, bytes: 0 };
    const { rows } = await this.#db.execute<{ users: number; datasets: number; bytes: number }>(sql`
      select count(distinct user_id)::int as users, count(*)::int as datasets, coalesce(sum(bytes), 0)::float8 as bytes
      from ${VOLUME} v where not in_s3 and readable and not ${HAS_BUCKET}`);
    return rows[0] ?? { users: 0, datasets: 0, bytes: 0 };
  }

  async sizes(): Promise<SizeClass[]> {
    const { rows } = await this.#db.execute<{ class: number; datasets: number; bytes: number }>(sql`
      select width_bucket(coalesce(bytes, 0)::float8, ${sql.raw(`array[${SIZE_CLASSES.join(',')}]::float8[]`)}) as class,
        count(*)::int as datasets, coalesce(sum(bytes), 0)::float8 as bytes
      from ${VOLUME} v group by 1`);
    const found = new Map(rows.map((row) => [row.class, row]));
    return [...SIZE_CLASSES, null].map((below, at) => {
      const { datasets = 0, bytes = 0 } = found.get(at) ?? {};
      return { below_bytes: below, datasets, bytes };
    });
  }

  /** Those who have most to copy first. */
  async users(limit: number): Promise<UserVolume[]> {
    const { rows } = await this.#db.execute<
      Omit<UserVolume, 'bucket'> & { own: boolean } & Record<string, unknown>
    >(sql`
      select user_id, count(*)::int as datasets, coalesce(sum(bytes), 0)::float8 as bytes,
        count(*) filter (where not in_s3 and readable)::int as to_copy,
        coalesce(sum(bytes) filter (where not in_s3 and readable), 0)::float8 as to_copy_bytes, ${HAS_BUCKET} as own
      from ${VOLUME} v group by user_id order by 5 desc, 1 limit ${limit}`);
    const fallback = this.#platformBucket ? 'platform' : 'none';
    return rows.map(({ own, ...row }) => ({ ...row, bucket: own ? 'own' : fallback }));
  }

  /** Copies of middling and of large datasets, to try reading on. */
  async samples(): Promise<string[]> {
    const { rows } = await this.#db.execute<{ id: string }>(sql`
      (select id, provider, size_bytes from longshore.dataset_replicas where state = 'completed' and provider <> 's3'
       order by size_bytes desc nulls last limit 4)
      union
      (select id, provider, size_bytes from longshore.dataset_replicas where state = 'completed' and provider <> 's3'
       order by id limit 4)`);
    return rows.map((row) => row.id);
  }
}

const HAS_BUCKET = sql`exists (
  select 1 from longshore.secrets s where s.user_id = v.user_id and s.provider = 'aws' and s.state = 'active')`;

function volume(name: string, where: ReturnType<typeof sql>) {
  return sql`count(*) filter (where ${where})::int as ${sql.raw(`${name}_n`)},
    coalesce(sum(bytes) filter (where ${where}), 0)::float8 as ${sql.raw(`${name}_b`)}`;
}
