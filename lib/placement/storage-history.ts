import { and, asc, eq, getTableColumns, gte, type SQL, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { type StoreSample, storageSamples } from '@/lib/db/schema.ts';
import { VERIFIED_DAYS } from '@/lib/placement/storage-status.ts';
import type { StoreHealth, StoreHealthMonitor } from '@/lib/placement/store-health.ts';

export interface StorageSample {
  at: Date;
  datasets: number;
  bytes: number;
  noneVerified: number;
  oneVerified: number;
  twoOrMoreVerified: number;
  stores: StoreSample[];
}

export interface StorageHistoryParts {
  db: Database;
  health: Pick<StoreHealthMonitor, 'own'>;
  now: () => Date;
}

/** A day's last sample is kept so long, every hour's so long. */
export const HISTORY_DAYS = 90;
const HOURLY_DAYS = 7;
/** Whose rows tell of all users. No user has it: ids are not empty. */
const INSTALLATION = '';

/**
 * How well datasets were kept, hour by hour. Bounded: a user has at most 24 rows for each of the last seven days and one
 * for each of the 83 days before.
 */
export class StorageHistory {
  readonly #parts: StorageHistoryParts;

  constructor(parts: StorageHistoryParts) {
    this.#parts = parts;
  }

  /** Takes this hour's sample of everybody, instead of an earlier one of the same hour, and drops what is too old. */
  async sample(): Promise<{ samples: number; dropped: number }> {
    const { db, health } = this.#parts;
    const answers = await health.own();
    return db.transaction(async (tx) => {
      const { rows } = await tx.execute<{ user_id: string }>(this.#insertion(answers));
      return { samples: rows.length, dropped: await this.#thin(tx) };
    });
  }

  /** Oldest first. @param userId undefined: of the whole installation */
  async list(userId: string | undefined, days: number): Promise<StorageSample[]> {
    const since = new Date(this.#parts.now().getTime() - days * 86_400_000);
    const { userId: owner, ...shown } = getTableColumns(storageSamples);
    return this.#parts.db
      .select(shown)
      .from(storageSamples)
      .where(and(eq(owner, userId ?? INSTALLATION), gte(storageSamples.at, since)))
      .orderBy(asc(storageSamples.at));
  }

  /** One pass over copies and one over datasets, whoever they belong to. */
  #insertion(answers: readonly StoreHealth[]): SQL {
    const now = sql`${this.#parts.now().toISOString()}::timestamptz`;
    const asked = JSON.stringify(
      answers.map(({ provider, endpoint, bucket, ok }) => ({ provider, endpoint, bucket, ok })),
    );
    return sql`
      with proven as (
        select dataset_id, count(*) as copies from longshore.dataset_replicas
        where state = 'completed' and verified_at is not null group by dataset_id),
      depth as (
        select d.user_id::text as owner, d.file_size_bytes as bytes, coalesce(p.copies, 0) as verified
        from public.training_datasets d left join proven p on p.dataset_id = d.id::text
        where d.deleted_at is null and d.status = 'ready'),
      totals as (
        select coalesce(owner, ${INSTALLATION}) as owner, count(*) as datasets, coalesce(sum(bytes), 0) as bytes,
          count(*) filter (where verified = 0) as none, count(*) filter (where verified = 1) as one,
          count(*) filter (where verified > 1) as more
        from depth group by grouping sets ((owner), ())),
      places as (
        select coalesce(r.user_id, ${INSTALLATION}) as owner, r.provider, nullif(r.endpoint, '') as endpoint, r.bucket,
          count(*) filter (where r.state = 'completed') as copies,
          coalesce(sum(r.size_bytes) filter (where r.state = 'completed'), 0) as bytes,
          count(*) filter (where r.state in ('missing', 'corrupt', 'failed')) as bad,
          count(*) filter (where r.state = 'completed'
            and r.verified_at > ${now} - make_interval(days => ${VERIFIED_DAYS})) as lately
        from longshore.dataset_replicas r
        group by grouping sets ((r.user_id, r.provider, nullif(r.endpoint, ''), r.bucket),
          (r.provider, nullif(r.endpoint, ''), r.bucket))),
      stores as (
        select p.owner, jsonb_agg(jsonb_build_object('provider', p.provider, 'endpoint', p.endpoint, 'bucket', p.bucket,
          'copies', p.copies, 'bytes', p.bytes, 'bad', p.bad, 'verified_lately', p.lately, 'answers', a.ok)
          order by p.provider, p.bucket, p.endpoint) as list
        from places p left join jsonb_to_recordset(${asked}::jsonb) as a (provider text, endpoint text, bucket text, ok boolean)
          on a.provider = p.provider and a.bucket = p.bucket and a.endpoint is not distinct from p.endpoint
        group by p.owner)
      insert into longshore.storage_samples
        (user_id, at, datasets, bytes, none_verified, one_verified, two_or_more_verified, stores)
      select t.owner, date_trunc('hour', ${now}, 'UTC'), t.datasets, t.bytes, t.none, t.one, t.more,
        coalesce(s.list, '[]'::jsonb)
      from totals t left join stores s on s.owner = t.owner
      on conflict (user_id, at) do update set datasets = excluded.datasets, bytes = excluded.bytes,
        none_verified = excluded.none_verified, one_verified = excluded.one_verified,
        two_or_more_verified = excluded.two_or_more_verified, stores = excluded.stores
      returning user_id`;
  }

  async #thin(tx: Pick<Database, 'execute'>): Promise<number> {
    const now = this.#parts.now().getTime();
    const before = (days: number) => sql`${new Date(now - days * 86_400_000).toISOString()}::timestamptz`;
    const { rows } = await tx.execute(sql`
      delete from longshore.storage_samples s
      where s.at < ${before(HISTORY_DAYS)} or s.at < ${before(HOURLY_DAYS)} and exists (
        select 1 from longshore.storage_samples later where later.user_id = s.user_id and later.at > s.at
          and (later.at at time zone 'UTC')::date = (s.at at time zone 'UTC')::date)
      returning 1`);
    return rows.length;
  }
}
