import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '@/lib/db/database.ts';
import { BLOCKERS_SHOWN, type CopyCount, type GateBlocker } from '@/lib/placement/phase-gates.ts';

/** Datasets of one kind of place, and their bytes. */
export interface Volume {
  datasets: number;
  bytes: number;
}

const LIVING = sql`d.deleted_at is null and d.status = 'ready'`;
const HAS_VERIFIED_S3 = sql`exists (
  select 1 from longshore.dataset_replicas r
  where r.dataset_id = d.id::text and r.provider = 's3' and r.state = 'completed' and r.verified_at is not null)`;
const HAS_S3_ROW = sql`exists (
  select 1 from longshore.dataset_replicas r where r.dataset_id = d.id::text and r.provider = 's3' and r.state <> 'deleting')`;
const HAS_BASE_COPY = sql`exists (
  select 1 from longshore.dataset_replicas r
  where r.dataset_id = d.id::text and r.provider <> 's3' and r.state = 'completed')`;
const OWNER_HAS_SECRET = sql`d.user_id::text in (
  select s.user_id from longshore.secrets s where s.provider = 'aws' and s.state = 'active')`;

/**
 * Datasets that dual writing concerns: written since it began, or begun to be copied to S3 before.
 * @param everyUser a platform bucket serves users who have none of their own
 */
export function countNewCopies(executor: Executor, since: Date | null, everyUser: boolean): Promise<CopyCount> {
  const owner = everyUser ? sql`true` : OWNER_HAS_SECRET;
  const written = since === null ? sql`false` : sql`d.created_at >= ${since.toISOString()}::timestamptz`;
  return countCopies(executor, sql`${LIVING} and ${owner} and (${written} or ${HAS_S3_ROW})`);
}

export function countAllCopies(executor: Executor): Promise<CopyCount> {
  return countCopies(executor, LIVING);
}

/** What stepping back makes the reconciler copy to the base store. */
export async function onlyInBucket(executor: Executor): Promise<Volume> {
  const { rows } = await executor.execute<{ datasets: number; bytes: string }>(sql`
    select count(*)::int as datasets, coalesce(sum(d.file_size_bytes), 0)::text as bytes
    from public.training_datasets d where ${LIVING} and not ${HAS_BASE_COPY}`);
  return { datasets: rows[0]?.datasets ?? 0, bytes: Number(rows[0]?.bytes ?? 0) };
}

/** Users with living datasets. */
export async function usersWithDatasets(executor: Executor): Promise<string[]> {
  const { rows } = await executor.execute<{ id: string }>(sql`
    select distinct d.user_id::text as id from public.training_datasets d where ${LIVING} order by 1`);
  return rows.map((row) => row.id);
}

/** Users whose AWS secret passed its test, the latest tested first. */
export async function usersWithBucket(executor: Executor, limit: number): Promise<string[]> {
  const { rows } = await executor.execute<{ id: string }>(sql`
    select s.user_id as id from longshore.secrets s where s.provider = 'aws' and s.state = 'active'
    order by s.tested_at desc nulls last, s.user_id limit ${limit}`);
  return rows.map((row) => row.id);
}

async function countCopies(executor: Executor, concerned: SQL): Promise<CopyCount> {
  const { rows } = await executor.execute<{ total: number; verified: number }>(sql`
    select count(*)::int as total, (count(*) filter (where ${HAS_VERIFIED_S3}))::int as verified
    from public.training_datasets d where ${concerned}`);
  const { total, verified } = rows[0] ?? { total: 0, verified: 0 };
  return { total, verified, blockers: verified < total ? await unverified(executor, concerned) : [] };
}

async function unverified(executor: Executor, concerned: SQL): Promise<GateBlocker[]> {
  const { rows } = await executor.execute<{ id: string; name: string; state: string | null; error: string | null }>(sql`
    select d.id::text as id, d.name, copy.state, copy.error_code as error
    from public.training_datasets d
    left join lateral (
      select r.state, r.error_code from longshore.dataset_replicas r
      where r.dataset_id = d.id::text and r.provider = 's3' and r.state <> 'deleting'
      order by r.generation desc limit 1) copy on true
    where ${concerned} and not ${HAS_VERIFIED_S3}
    order by d.created_at nulls first, d.id limit ${BLOCKERS_SHOWN}`);
  return rows.map(({ id, name, state, error }) => ({ id, name, reason: reasonOf(state, error) }));
}

function reasonOf(state: string | null, error: string | null): string {
  if (state === null) return 'has no S3 copy';
  if (state === 'completed') return 'its S3 copy was not read back yet';
  return `its S3 copy is ${state}${error === null || error === state ? '' : ` (${error})`}`;
}
