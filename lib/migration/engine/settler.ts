import { asc, inArray, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { newId } from '@/lib/db/ids.ts';
import { datasetReplicas, trainingDatasets } from '@/lib/db/schema.ts';
import type { ItemOutcome } from '@/lib/migration/engine/item-outcome.ts';
import { groupByDataset } from '@/lib/migration/runs/planner.ts';
import type { MigrationItem, ObjectPlace } from '@/lib/migration/types.ts';
import { isVerified } from '@/lib/placement/placement-plan.ts';
import type { Replica } from '@/lib/placement/replica.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { storageViewOf } from '@/lib/placement/storage-view.ts';
import { sameStore } from '@/lib/placement/store-registry.ts';

/** An item whose copy proved itself, and is to be made known. */
export interface ProvenItem {
  item: MigrationItem;
  outcome: Extract<ItemOutcome, { kind: 'copied' | 'found' }>;
  destination: ObjectPlace | undefined;
  source: Replica | undefined;
}

/** What became of it. `deleted`: the dataset is gone, so is the copy to be. `taken`: placement has a row for that key. */
export type Settlement = 'done' | 'lost' | 'deleted' | 'taken';

/**
 * The one transaction by which copies become replicas, for many items at a time. The datasets' rows are locked: a dataset
 * that was deleted meanwhile gets no copy, one that is deleted later finds it.
 */
export class Settler {
  readonly #db: Database;
  readonly #replicas: ReplicaRepository;

  constructor(parts: { db: Database; replicas: ReplicaRepository }) {
    this.#db = parts.db;
    this.#replicas = parts.replicas;
  }

  async settle(proven: readonly ProvenItem[]): Promise<Map<ProvenItem, Settlement>> {
    if (proven.length === 0) return new Map();
    return this.#db.transaction((tx) => this.#settle(tx, proven));
  }

  async #settle(tx: Transaction, proven: readonly ProvenItem[]): Promise<Map<ProvenItem, Settlement>> {
    const held = await this.#lockItems(tx, proven);
    const living = await this.#lockDatasets(tx, proven);
    const settlements = new Map<ProvenItem, Settlement>();
    for (const entry of proven) {
      const { datasetId } = entry.item;
      settlements.set(entry, !held.has(datasetId) ? 'lost' : living.has(datasetId) ? 'done' : 'deleted');
    }
    const done = proven.filter((entry) => settlements.get(entry) === 'done');
    if (done.length === 0) return settlements;
    await this.#insertCopies(tx, done);
    const byDataset = groupByDataset(await this.#replicas.ofDatasets(idsOf(done), tx));
    const copies = copiesOf(byDataset, done);
    for (const entry of done) if (!copies.has(entry)) settlements.set(entry, 'taken');
    const settled = done.filter((entry) => copies.has(entry));
    await this.#writeBack(tx, settled, copies, byDataset);
    return settlements;
  }

  async #lockItems(tx: Transaction, proven: readonly ProvenItem[]): Promise<Set<string>> {
    const held = proven.map(({ item: { runId, datasetId, attempt } }) => ({ runId, datasetId, attempt }));
    const { rows } = await tx.execute<{ id: string }>(sql`
      select i.dataset_id as id from longshore.migration_items i
      join jsonb_to_recordset(${JSON.stringify(held)}::jsonb) as h ("runId" text, "datasetId" text, attempt integer)
        on i.run_id = h."runId" and i.dataset_id = h."datasetId" and i.attempt = h.attempt
      where i.state in ('copying', 'verifying')
      order by i.dataset_id for update of i`);
    return new Set(rows.map((row) => row.id));
  }

  async #lockDatasets(tx: Transaction, proven: readonly ProvenItem[]): Promise<Set<string>> {
    const T = trainingDatasets;
    const rows = await tx
      .select({ id: T.id, status: T.status, deletedAt: T.deletedAt })
      .from(T)
      .where(inArray(T.id, idsOf(proven)))
      .orderBy(asc(T.id))
      .for('update');
    return new Set(rows.filter((row) => row.status === 'ready' && row.deletedAt === null).map((row) => row.id));
  }

  async #insertCopies(tx: Transaction, done: readonly ProvenItem[]): Promise<void> {
    const rows = done.flatMap(({ item, outcome, destination }) => {
      if (outcome.kind !== 'copied' || destination === undefined) return [];
      const { key, ...address } = destination;
      return {
        ...address,
        id: newId(),
        datasetId: item.datasetId,
        userId: item.userId,
        objectKey: key,
        state: 'completed' as const,
        attempt: 1,
        sizeBytes: outcome.sizeBytes,
        objectSha256: outcome.sha256,
        versionId: outcome.versionId,
        preferred: true,
      };
    });
    if (rows.length === 0) return;
    await tx.execute(sql`
      insert into longshore.dataset_replicas
        (id, dataset_id, user_id, provider, endpoint, region, bucket, secret_id, generation, object_key, state, attempt,
         size_bytes, object_sha256, version_id, preferred, completed_at, verified_at)
      select id, "datasetId", "userId", provider, endpoint, region, bucket, "secretId", generation, "objectKey", state,
         attempt, "sizeBytes", "objectSha256", "versionId", preferred, now(), now()
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r (id text, "datasetId" text, "userId" text, provider text, endpoint text, region text, bucket text,
              "secretId" text, generation integer, "objectKey" text, state text, attempt integer, "sizeBytes" bigint,
              "objectSha256" text, "versionId" text, preferred boolean)
      on conflict do nothing`);
  }

  async #writeBack(
    tx: Transaction,
    settled: readonly ProvenItem[],
    copies: ReadonlyMap<ProvenItem, Replica>,
    byDataset: ReadonlyMap<string, Replica[]>,
  ): Promise<void> {
    if (settled.length === 0) return;
    const passedOver = [...copies.values()].filter((copy) => !copy.preferred);
    const ids = passedOver.map((copy) => copy.id);
    if (ids.length > 0)
      await tx.update(datasetReplicas).set({ preferred: true }).where(inArray(datasetReplicas.id, ids));
    // The views below are of the rows as they are now.
    for (const copy of passedOver) copy.preferred = true;
    await this.#proveSources(tx, settled);
    await this.#writeViews(tx, settled, byDataset);
    await this.#endItems(tx, settled, copies);
  }

  /** A source that was read in full and gave the right hash has proved itself as well. */
  async #proveSources(tx: Transaction, settled: readonly ProvenItem[]): Promise<void> {
    const facts = settled.flatMap(({ outcome, source }) => {
      if (outcome.kind !== 'copied' || source === undefined) return [];
      return { id: source.id, sha: outcome.sha256, size: outcome.sizeBytes };
    });
    if (facts.length === 0) return;
    await tx.execute(sql`
      update longshore.dataset_replicas r set
        verified_at = now(), object_sha256 = f.sha, size_bytes = f.size, updated_at = now()
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb) as f (id text, sha text, size bigint)
      where r.id = f.id and r.state = 'completed' and coalesce(r.object_sha256, f.sha) = f.sha`);
  }

  /** What readers of the old columns see, and the facts that rows from before Longshore lack. */
  async #writeViews(
    tx: Transaction,
    settled: readonly ProvenItem[],
    byDataset: ReadonlyMap<string, Replica[]>,
  ): Promise<void> {
    const facts = settled.flatMap(({ item, outcome }) => {
      const view = storageViewOf(byDataset.get(item.datasetId) ?? []);
      if (view === undefined) return [];
      const metadata = { storage_provider: view.metadataProvider, s3_storage_path: view.s3StoragePath };
      const { storagePath, storageProvider } = view;
      return {
        id: item.datasetId,
        storagePath,
        storageProvider,
        metadata,
        sha: outcome.sha256,
        size: outcome.sizeBytes,
      };
    });
    const ids = sql.join(
      facts.map((fact) => sql`${fact.id}`),
      sql`, `,
    );
    await tx.execute(sql`
      update public.training_datasets t set
        storage_path = f."storagePath", storage_provider = f."storageProvider",
        object_sha256 = coalesce(t.object_sha256, f.sha), file_size_bytes = coalesce(t.file_size_bytes, f.size),
        metadata = coalesce(t.metadata, '{}'::jsonb) || f.metadata
          || jsonb_build_object('migrated_at', to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
        updated_at = now()
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb)
        as f (id text, "storagePath" text, "storageProvider" text, metadata jsonb, sha text, size bigint)
      where t.id::text = f.id and t.id in (${ids})`);
  }

  async #endItems(
    tx: Transaction,
    settled: readonly ProvenItem[],
    copies: ReadonlyMap<ProvenItem, Replica>,
  ): Promise<void> {
    const facts = settled.map((entry) => {
      const { item, outcome } = entry;
      const copied = outcome.kind === 'copied';
      return {
        runId: item.runId,
        datasetId: item.datasetId,
        replicaId: copies.get(entry)?.id,
        size: outcome.sizeBytes,
        copied: copied ? outcome.sizeBytes : 0,
        sourceSha: copied ? outcome.sha256 : null,
        sha: outcome.sha256,
        version: copied ? outcome.versionId : null,
      };
    });
    await tx.execute(sql`
      update longshore.migration_items i set
        state = 'done', replica_id = f."replicaId", size_bytes = coalesce(f.size, i.size_bytes),
        bytes_copied = f.copied, expected_sha256 = coalesce(i.expected_sha256, f.sha),
        source_sha256 = f."sourceSha", destination_sha256 = f.sha, version_id = f.version, upload_state = null,
        error_code = null, error_message = null, error_hint = null, lease_owner = null, lease_until = null,
        copied_at = coalesce(i.copied_at, now()), verified_at = now(), finished_at = now(), updated_at = now()
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb)
        as f ("runId" text, "datasetId" text, "replicaId" text, size bigint, copied bigint, "sourceSha" text,
              sha text, version text)
      where i.run_id = f."runId" and i.dataset_id = f."datasetId"`);
  }
}

/** The row of each copy. An address that another row has taken belongs to that row, unless it proved itself too. */
function copiesOf(byDataset: ReadonlyMap<string, Replica[]>, done: readonly ProvenItem[]): Map<ProvenItem, Replica> {
  const copies = new Map<ProvenItem, Replica>();
  for (const entry of done) {
    const copy = (byDataset.get(entry.item.datasetId) ?? []).find((replica) => isCopyOf(replica, entry));
    if (copy !== undefined) copies.set(entry, copy);
  }
  return copies;
}

function isCopyOf(replica: Replica, { outcome, destination }: ProvenItem): boolean {
  if (outcome.kind === 'found') return replica.id === outcome.replicaId && isVerified(replica);
  if (destination === undefined || !isVerified(replica)) return false;
  return sameStore(replica, destination) && replica.objectKey === destination.key;
}

function idsOf(entries: readonly ProvenItem[]): string[] {
  return entries.map(({ item }) => item.datasetId);
}
