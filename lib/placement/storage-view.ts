import { sql } from 'drizzle-orm';
import type { Executor } from '@/lib/db/database.ts';
import { roleOf } from '@/lib/placement/phase.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';

/** What readers that know only the old columns see of the replicas. */
export interface StorageView {
  storagePath: string;
  /** Provider of the copy that `storagePath` names. */
  storageProvider: string;
  metadataProvider: 'supabase' | 'filesystem' | 's3' | 'dual';
  s3StoragePath: string | null;
}

/** The view of a dataset's copies: the base key, else the S3 key. Undefined when there is no copy at all. */
export function storageViewOf(replicas: readonly Replica[]): StorageView | undefined {
  const shown = shownCopies(replicas);
  const base = shown.find((replica) => roleOf(replica) === 'base');
  const bucket = shown.find((replica) => roleOf(replica) === 'bucket');
  const main = base ?? bucket;
  if (main === undefined) return undefined;
  return {
    storagePath: main.objectKey,
    storageProvider: main.provider,
    metadataProvider: base !== undefined && bucket !== undefined ? 'dual' : main.provider,
    s3StoragePath: bucket?.objectKey ?? null,
  };
}

/**
 * Completed copies, without those that a rollback took out of the way; where there is none yet, those on their way: the
 * columns may not be empty.
 */
function shownCopies(replicas: readonly Replica[]): Replica[] {
  const completed = replicas.filter(isReadable);
  const preferred = completed.filter((replica) => replica.preferred);
  const readable = preferred.length > 0 ? preferred : completed;
  const living = readable.length > 0 ? readable : replicas.filter((replica) => replica.state !== 'deleting');
  return [...living].sort((a, b) => b.generation - a.generation);
}

/** Writes the view into the dataset's row, in the transaction that changed its replicas. Other metadata stays. */
export async function writeStorageView(tx: Executor, datasetId: string, replicas: readonly Replica[]): Promise<void> {
  const view = storageViewOf(replicas);
  if (view === undefined) return;
  const kept = view.s3StoragePath === null && (await namesUnknownCopy(tx, datasetId));
  const told = { storage_provider: view.metadataProvider, s3_storage_path: view.s3StoragePath };
  const metadata = JSON.stringify(kept ? {} : told);
  await tx.execute(sql`
    update public.training_datasets
    set storage_path = ${view.storagePath}, storage_provider = ${view.storageProvider},
        metadata = coalesce(metadata, '{}'::jsonb) || ${metadata}::jsonb, updated_at = now()
    where id = ${datasetId}
      and (storage_path is distinct from ${view.storagePath}
           or storage_provider is distinct from ${view.storageProvider}
           or not coalesce(metadata, '{}'::jsonb) @> ${metadata}::jsonb)`);
}

/** An older application recorded a copy in a bucket that we cannot reach yet: its record stands until we can. */
async function namesUnknownCopy(tx: Executor, datasetId: string): Promise<boolean> {
  const { rows } = await tx.execute(sql`
    select 1 from longshore.adopted_datasets
    where dataset_id = ${datasetId} and s3_state in ('waiting', 'refused')`);
  return rows.length > 0;
}

/** The same for many datasets in one statement; `replicas` are all copies of each of them. */
export async function writeStorageViews(tx: Executor, replicas: readonly Replica[]): Promise<void> {
  const byDataset = new Map<string, Replica[]>();
  for (const replica of replicas) {
    byDataset.set(replica.datasetId, [...(byDataset.get(replica.datasetId) ?? []), replica]);
  }
  const views = [...byDataset].flatMap(([id, copies]) => {
    const view = storageViewOf(copies);
    if (view === undefined) return [];
    const metadata = { storage_provider: view.metadataProvider, s3_storage_path: view.s3StoragePath };
    return { id, path: view.storagePath, provider: view.storageProvider, metadata };
  });
  if (views.length === 0) return;
  // By the column itself, whatever its type is: its index knows no cast.
  const ids = sql.join(
    views.map(({ id }) => sql`${id}`),
    sql`, `,
  );
  await tx.execute(sql`
    update public.training_datasets t
    set storage_path = v.path, storage_provider = v.provider,
        metadata = coalesce(t.metadata, '{}'::jsonb) || v.metadata, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(views)}::jsonb) as v (id text, path text, provider text, metadata jsonb)
    where t.id::text = v.id and t.id in (${ids})
      and (t.storage_path is distinct from v.path or t.storage_provider is distinct from v.provider
           or not coalesce(t.metadata, '{}'::jsonb) @> v.metadata)`);
}
