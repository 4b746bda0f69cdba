import { createHash } from 'node:crypto';
import { forEachOf } from '@/lib/migration/runs/for-each-of.ts';
import { datasetIdOfManifest, isManifestKey } from '@/lib/placement/manifest-key.ts';
import { oldPath } from '@/tests/support/old-application.ts';
import type { Ledger } from '@/tests/support/rehearsal/seeding.ts';
import type { Stage } from '@/tests/support/rehearsal/stage.ts';

interface Row {
  id: string;
  user_id: string;
  storage_path: string;
  object_sha256: string | null;
  status: string;
}

interface Copy {
  dataset_id: string;
  provider: string;
  object_key: string;
  state: string;
  object_sha256: string | null;
  verified: boolean;
}

/** Datasets that are looked at together. */
const AT_ONCE = 8;

/** Everything that does not hold, one sentence each. Empty: the rehearsal succeeded. */
export async function faultsOf(stage: Stage, ledger: Ledger): Promise<string[]> {
  const rows = await rowsOf(stage);
  const copies = await copiesOf(stage);
  return [
    ...livingFaults(rows, ledger),
    ...(await copyFaults(stage, rows, copies, ledger)),
    ...(await untouchedFaults(stage, rows, copies, ledger)),
    ...(await orphanFaults(stage, copies, ledger)),
    ...(await jobFaults(stage, ledger)),
    ...(await journalFaults(stage)),
  ];
}

async function rowsOf({ pool }: Stage): Promise<Map<string, Row>> {
  const { rows } = await pool.query<Row>(
    'select id::text, user_id::text, storage_path, object_sha256, status from training_datasets where deleted_at is null',
  );
  return new Map(rows.map((row) => [row.id, row]));
}

async function copiesOf({ pool }: Stage): Promise<Copy[]> {
  const { rows } = await pool.query<Copy>(`
    select dataset_id, provider, object_key, state, object_sha256, verified_at is not null as verified
    from longshore.dataset_replicas`);
  return rows;
}

function livingFaults(rows: ReadonlyMap<string, Row>, { living, deleted }: Ledger): string[] {
  const faults: string[] = [];
  for (const [id, { sha256 }] of living) {
    const row = rows.get(id);
    if (row === undefined) faults.push(`${id} is lost`);
    else if (sha256 !== null && row.object_sha256 !== sha256) faults.push(`${id} is known by another hash`);
  }
  for (const id of deleted) if (rows.has(id)) faults.push(`${id} was deleted and is back`);
  return faults;
}

/** Every dataset that has copies has them on both sides, and their bytes are what the row says. */
async function copyFaults(
  { supabase, s3 }: Stage,
  rows: ReadonlyMap<string, Row>,
  copies: readonly Copy[],
  { untouched }: Ledger,
): Promise<string[]> {
  const faults: string[] = [];
  const byDataset = groupedByDataset(copies);
  for (const copy of copies) if (!rows.has(copy.dataset_id)) faults.push(`a copy of ${copy.dataset_id} has no row`);
  await forEachOf([...rows.values()], AT_ONCE, async ({ id, object_sha256, status }) => {
    if (untouched.has(id)) return;
    const own = byDataset.get(id) ?? [];
    if (status !== 'ready' || own.some((copy) => copy.state !== 'completed' || !copy.verified))
      faults.push(`${id} is not settled: ${own.map((copy) => `${copy.provider} ${copy.state}`).join(', ')}`);
    for (const [provider, { objects }] of [
      ['supabase', supabase],
      ['s3', s3],
    ] as const) {
      const [copy, ...more] = own.filter((each) => each.provider === provider);
      if (copy === undefined || more.length > 0) faults.push(`${id} has ${own.length} copies, not one in ${provider}`);
      else if (objects.stat(copy.object_key) === undefined)
        faults.push(`${id}: ${copy.object_key} is not in ${provider}`);
      else if ((await hashOf(objects.stream(copy.object_key))) !== object_sha256)
        faults.push(`${id}: ${copy.object_key} in ${provider} has another hash`);
    }
  });
  return faults;
}

/** Looked up once a dataset: a search through all copies each time would grow with the square of the datasets. */
function groupedByDataset(copies: readonly Copy[]): Map<string, Copy[]> {
  const groups = new Map<string, Copy[]>();
  for (const copy of copies) {
    const group = groups.get(copy.dataset_id);
    if (group === undefined) groups.set(copy.dataset_id, [copy]);
    else group.push(copy);
  }
  return groups;
}

async function untouchedFaults(
  { supabase: { objects } }: Stage,
  rows: ReadonlyMap<string, Row>,
  copies: readonly Copy[],
  { untouched }: Ledger,
): Promise<string[]> {
  const faults: string[] = [];
  for (const [id, sha256] of untouched) {
    const row = rows.get(id);
    if (row === undefined) faults.push(`the row of ${id}, which stays with the old application, is gone`);
    else if (sha256 !== null && (await hashOf(objects.stream(row.storage_path))) !== sha256)
      faults.push(`the object of ${id}, which stays with the old application, was changed`);
    if (copies.some((copy) => copy.dataset_id === id && copy.state !== 'missing'))
      faults.push(`${id} was taken in and should not have been`);
  }
  return faults;
}

/** Datasets whose deletion still has an open tombstone: what a killed writer left at their addresses goes with it. */
async function datasetsInTombstones({ pool }: Stage): Promise<Set<string>> {
  const { rows } = await pool.query<{ dataset_id: string }>(`
    select dataset_id from longshore.tombstones where reason = 'dataset_deleted' and done_at is null`);
  return new Set(rows.map((row) => row.dataset_id));
}

/** A manifest belongs to the dataset whose object it lies beside: `withManifests` are those whose manifests may lie there. */
function isStray(key: string, withManifests: ReadonlySet<string>, named: ReadonlySet<string>): boolean {
  if (isManifestKey(key)) return !withManifests.has(datasetIdOfManifest(key));
  return !named.has(key) && !key.endsWith('/longshore-sentinel');
}

async function orphanFaults(stage: Stage, copies: readonly Copy[], { foreignKeys }: Ledger): Promise<string[]> {
  const { supabase, s3 } = stage;
  const withManifests = await datasetsInTombstones(stage);
  for (const copy of copies) withManifests.add(copy.dataset_id);
  const known = (provider: string) =>
    new Set(copies.filter((copy) => copy.provider === provider).map((copy) => copy.object_key));
  const stray = (provider: string, keys: readonly string[]) => {
    const named = known(provider);
    return keys.filter((key) => !foreignKeys.has(key) && isStray(key, withManifests, named));
  };
  return [
    ...stray('supabase', supabase.objects.keys()).map((key) => `${key} in supabase has no row`),
    ...stray('s3', s3.objects.keys()).map((key) => `${key} in s3 has no row`),
    ...s3.objects.unfinishedUploads().map(({ key }) => `an upload of ${key} in s3 was never ended`),
    ...supabase.objects.unfinishedUploads().map(({ id }) => `the upload ${id} in supabase was never ended`),
  ];
}

/** What an old training job does, for every dataset of the old application. */
async function jobFaults({ old }: Stage, { living }: Ledger): Promise<string[]> {
  const faults: string[] = [];
  await forEachOf([...living], AT_ONCE, async ([id, { userId, sha256 }]) => {
    if (sha256 === null) return;
    try {
      const bytes = await old.download(userId, id);
      const path = (await old.find(userId, id))?.storage_path;
      if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        faults.push(`an old job reads other bytes of ${id}`);
      if (path !== oldPath({ id, userId })) faults.push(`the path of ${id} was changed to ${path}`);
    } catch (error) {
      faults.push(`an old job does not find ${id}: ${error instanceof Error ? error.message : error}`);
    }
  });
  return faults;
}

/** A journal item that says done has its copy, and none is left half way. */
async function journalFaults({ pool }: Stage): Promise<string[]> {
  const { rows } = await pool.query<{ dataset_id: string; state: string; error_code: string | null }>(`
    select i.dataset_id, i.state, i.error_code from longshore.migration_items i
    join (select id from longshore.migration_runs order by created_at desc limit 1) r on r.id = i.run_id
    where i.state in ('pending', 'copying', 'verifying', 'failed', 'quarantined')
      or i.state = 'done' and exists (select 1 from training_datasets d where d.id::text = i.dataset_id and d.deleted_at is null)
        and not exists (select 1 from longshore.dataset_replicas c where c.dataset_id = i.dataset_id
          and c.provider = 's3' and c.state = 'completed' and c.verified_at is not null)`);
  return rows.map(({ dataset_id, state, error_code }) => `the journal says ${state} of ${dataset_id} (${error_code})`);
}

async function hashOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}
