import { statfs } from 'node:fs/promises';
import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import type { PhaseEntry, PhaseRepository } from '@/lib/placement/phase-repository.ts';
import type { ReplicaState } from '@/lib/placement/replica.ts';
import type { StoreHealth, StoreHealthMonitor } from '@/lib/placement/store-health.ts';
import type { StorageProvider } from '@/lib/storage/storage-service.ts';

/** What lies in one bucket. */
export interface StoreContents {
  provider: StorageProvider;
  endpoint: string | null;
  bucket: string;
  /** Datasets with a completed copy here, and the bytes of these copies. */
  datasets: number;
  bytes: number;
  replicas: Record<ReplicaState, number>;
  /** Completed copies that were read back within VERIFIED_DAYS, and the read-back that is longest ago. */
  verifiedLately: number;
  neverVerified: number;
  oldestVerifiedAt: string | null;
}

/** Living datasets by how many of their copies were read back with an equal hash. */
export interface CopyDepth {
  datasets: number;
  bytes: number;
  uploading: number;
  noneVerified: number;
  oneVerified: number;
  twoOrMoreVerified: number;
}

export interface PendingJobs {
  type: string;
  queued: number;
  running: number;
  /** Queued, and tried before. */
  retrying: number;
}

export interface StorageStatus {
  phase: PhaseEntry;
  stores: StoreContents[];
  depth: CopyDepth;
  jobs: PendingJobs[];
  health: StoreHealth[];
  /** Null for a plain user: the machine is not theirs. */
  host: { spoolDatasets: number; spoolBytes: number; freeBytes: number; usersBuckets: number } | null;
}

export interface StorageStatusParts {
  db: Database;
  phases: PhaseRepository;
  health: StoreHealthMonitor;
  /** Whose free space is told. */
  spoolFolder: string;
}

export const VERIFIED_DAYS = 30;

/** Where everything is and how well it is kept: for the whole installation, or for one user. */
export class StorageStatusService {
  readonly #parts: StorageStatusParts;

  constructor(parts: StorageStatusParts) {
    this.#parts = parts;
  }

  async ofInstallation(): Promise<StorageStatus> {
    const { opened, unwell } = this.#parts.health.usersBuckets();
    const health = [...(await this.#parts.health.own()), ...unwell];
    return { ...(await this.#counts(undefined)), health, host: { ...(await this.#host()), usersBuckets: opened } };
  }

  /** The user's own datasets, the stores that hold them, and the user's own bucket. */
  async ofUser(userId: string): Promise<StorageStatus> {
    const { health } = this.#parts;
    const own = [...(await health.own()), ...(await health.ofUser(userId))];
    return { ...(await this.#counts(userId)), health: own, host: null };
  }

  async #counts(userId: string | undefined): Promise<Pick<StorageStatus, 'phase' | 'stores' | 'depth' | 'jobs'>> {
    const { db, phases } = this.#parts;
    return {
      phase: await phases.current(),
      stores: await contentsOf(db, userId),
      depth: await depthOf(db, userId),
      jobs: await jobsOf(db, userId),
    };
  }

  async #host(): Promise<{ spoolDatasets: number; spoolBytes: number; freeBytes: number }> {
    const { rows } = await this.#parts.db.execute<{ datasets: number; bytes: string }>(sql`
      select count(*)::int as datasets, coalesce(sum(size_bytes), 0)::text as bytes from longshore.spools`);
    const { bavail, bsize } = await statfs(this.#parts.spoolFolder);
    return {
      spoolDatasets: rows[0]?.datasets ?? 0,
      spoolBytes: Number(rows[0]?.bytes ?? 0),
      freeBytes: bavail * bsize,
    };
  }
}

const STATES: readonly ReplicaState[] = ['pending', 'completed', 'failed', 'missing', 'corrupt', 'deleting'];

function owned(column: SQL, userId: string | undefined): SQL {
  return userId === undefined ? sql`true` : sql`${column} = ${userId}`;
}

/** Another copy of the same dataset in the same bucket is counted instead. Only a repair makes a second one. */
const REPEATED = sql`(r.generation > 0 and exists (
  select 1 from longshore.dataset_replicas o
  where o.dataset_id = r.dataset_id and o.state = 'completed' and o.provider = r.provider and o.bucket = r.bucket
    and o.endpoint is not distinct from r.endpoint and (o.generation, o.id) < (r.generation, r.id)))`;

async function contentsOf(db: Database, userId: string | undefined): Promise<StoreContents[]> {
  const counted = STATES.map((state) => sql`(count(*) filter (where r.state = ${state}))::int as ${sql.raw(state)}`);
  const lately = sql`r.verified_at > now() - make_interval(days => ${VERIFIED_DAYS})`;
  const { rows } = await db.execute<StoreRow>(sql`
    select r.provider, nullif(coalesce(r.endpoint, ''), '') as endpoint, r.bucket, ${sql.join(counted, sql`, `)},
      (count(*) filter (where r.state = 'completed' and not ${REPEATED}))::int as datasets,
      coalesce(sum(r.size_bytes) filter (where r.state = 'completed'), 0)::text as bytes,
      (count(*) filter (where r.state = 'completed' and ${lately}))::int as lately,
      (count(*) filter (where r.state = 'completed' and r.verified_at is null))::int as never,
      (extract(epoch from min(r.verified_at) filter (where r.state = 'completed')) * 1000)::float8 as oldest
    from longshore.dataset_replicas r where ${owned(sql`r.user_id`, userId)}
    group by 1, 2, 3 order by 1, 3, 2`);
  return rows.map(contentsOfRow);
}

type StoreRow = Pick<StoreContents, 'provider' | 'endpoint' | 'bucket' | 'datasets'> &
  Record<ReplicaState, number> & { bytes: string; lately: number; never: number; oldest: number | null };

function contentsOfRow(row: StoreRow): StoreContents {
  const { provider, endpoint, bucket, datasets, pending, completed, failed, missing, corrupt, deleting } = row;
  return {
    ...{ provider, endpoint, bucket, datasets },
    bytes: Number(row.bytes),
    replicas: { pending, completed, failed, missing, corrupt, deleting },
    verifiedLately: row.lately,
    neverVerified: row.never,
    oldestVerifiedAt: row.oldest === null ? null : new Date(row.oldest).toISOString(),
  };
}

async function depthOf(db: Database, userId: string | undefined): Promise<CopyDepth> {
  const { rows } = await db.execute<Record<string, number | string>>(sql`
    with proven as (
      select dataset_id, count(*) as copies from longshore.dataset_replicas r
      where state = 'completed' and verified_at is not null and ${owned(sql`r.user_id`, userId)} group by dataset_id),
    depth as (
      select d.file_size_bytes, d.status, coalesce(p.copies, 0) as verified
      from public.training_datasets d left join proven p on p.dataset_id = d.id::text
      where d.deleted_at is null and ${owned(sql`d.user_id::text`, userId)})
    select (count(*) filter (where status = 'ready'))::int as datasets,
      coalesce(sum(file_size_bytes) filter (where status = 'ready'), 0)::text as bytes,
      (count(*) filter (where status = 'uploading'))::int as uploading,
      (count(*) filter (where status = 'ready' and verified = 0))::int as none,
      (count(*) filter (where status = 'ready' and verified = 1))::int as one,
      (count(*) filter (where status = 'ready' and verified > 1))::int as more
    from depth`);
  const count = (name: string) => Number(rows[0]?.[name] ?? 0);
  return {
    ...{ datasets: count('datasets'), bytes: count('bytes'), uploading: count('uploading') },
    ...{ noneVerified: count('none'), oneVerified: count('one'), twoOrMoreVerified: count('more') },
  };
}

async function jobsOf(db: Database, userId: string | undefined): Promise<PendingJobs[]> {
  const { rows } = await db.execute<PendingJobs & Record<string, unknown>>(sql`
    select type, (count(*) filter (where state = 'queued'))::int as queued,
      (count(*) filter (where state = 'running'))::int as running,
      (count(*) filter (where state = 'queued' and attempts > 0))::int as retrying
    from longshore.jobs j where state in ('queued', 'running') and ${owned(sql`j.user_id`, userId)}
    group by type order by type`);
  return rows.map(({ type, queued, running, retrying }) => ({ type, queued, running, retrying }));
}
