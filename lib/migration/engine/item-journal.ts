import { and, eq, inArray, sql } from 'drizzle-orm';
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core';
import type { Database, Executor } from '@/lib/db/database.ts';
import { type JsonObject, migrationItems } from '@/lib/db/schema.ts';
import { milliseconds } from '@/lib/jobs/job.ts';
import { Gatherer } from '@/lib/migration/engine/gatherer.ts';
import type { ItemFault } from '@/lib/migration/engine/item-outcome.ts';
import type { MigrationItem } from '@/lib/migration/types.ts';
import { fencedError } from '@/lib/placement/replica.ts';
import type { UploadState } from '@/lib/storage/storage-service.ts';

const I = migrationItems;
export const OPEN_STATES: MigrationItem['state'][] = ['copying', 'verifying'];

/** An item as the process holds it: every write names the attempt. */
export type HeldItem = Pick<MigrationItem, 'runId' | 'datasetId' | 'attempt'>;

/** What has become of a held item since the last sign of life. */
export interface ItemPulse extends HeldItem {
  bytesCopied: number;
  /** The object is whole at its destination. */
  arrived: boolean;
}

export interface ItemClaim {
  runId: string;
  owner: string;
  limit: number;
  leaseMs: number;
}

interface KnownHash {
  item: HeldItem;
  sha256: string;
}

const HASHES_AT_ONCE = 256;

type Facts = PgUpdateSetSource<typeof migrationItems>;

/**
 * The journal of a run: who works on which item, and how far it is. A write under an attempt that is over changes nothing.
 */
export class ItemJournal {
  readonly #db: Database;
  readonly #hashes = new Gatherer((known: readonly KnownHash[]) => this.#writeHashes(known), HASHES_AT_ONCE);

  constructor(db: Database) {
    this.#db = db;
  }

  /** Takes items that wait, the largest first, then those whose process is dead. Never waits for another process. */
  async claim(claim: ItemClaim): Promise<MigrationItem[]> {
    const due = sql`state = 'pending' and run_after <= now()`;
    const waiting = await this.#take(claim, claim.limit, due);
    if (waiting.length >= claim.limit) return waiting;
    const lapsed = sql`state in ('copying', 'verifying') and lease_until < now()`;
    return [...waiting, ...(await this.#take(claim, claim.limit - waiting.length, lapsed))];
  }

  /** Extends leases and writes progress, in one statement. Answers which items are still held. */
  async heartbeat(runId: string, pulses: readonly ItemPulse[], leaseMs: number): Promise<Set<string>> {
    if (pulses.length === 0) return new Set();
    const { rows } = await this.#db.execute<{ dataset_id: string }>(sql`
      update longshore.migration_items i set
        lease_until = now() + ${milliseconds(leaseMs)}, bytes_copied = p."bytesCopied", updated_at = now(),
        state = case when p.arrived then 'verifying' else i.state end,
        copied_at = case when p.arrived then coalesce(i.copied_at, now()) else i.copied_at end
      from jsonb_to_recordset(${JSON.stringify(pulses)}::jsonb)
        as p ("datasetId" text, attempt integer, "bytesCopied" bigint, arrived boolean)
      where i.run_id = ${runId} and i.dataset_id = p."datasetId" and i.attempt = p.attempt
        and i.state in ('copying', 'verifying')
      returning i.dataset_id`);
    return new Set(rows.map((row) => row.dataset_id));
  }

  /** Writes the hash of a first read down; many at a time go together. @throws fenced */
  async knowHash(item: HeldItem, sha256: string): Promise<void> {
    if (!(await this.#hashes.add({ item, sha256 }))) throw fencedError(`Item ${item.datasetId}`);
  }

  /** Writes down what is known before the first byte is sent. @throws fenced */
  async intend(item: HeldItem, facts: Facts): Promise<void> {
    await this.#write(item, facts);
  }

  /** @throws fenced: then somebody else goes on with the upload, and this process must not */
  async saveUpload(item: HeldItem, state: UploadState, bytesCopied: number): Promise<void> {
    await this.#write(item, { uploadState: state as JsonObject, bytesCopied });
  }

  /** The upload is complete: from here on only reading back is left. @throws fenced */
  async arrived(item: HeldItem): Promise<void> {
    await this.#write(item, { uploadState: null, state: 'verifying', copiedAt: sql`now()` });
  }

  /** Puts items back for whoever takes them next. */
  async release(items: readonly HeldItem[]): Promise<void> {
    if (items.length === 0) return;
    await this.#db
      .update(I)
      .set({ state: 'pending', leaseOwner: null, leaseUntil: null, runAfter: sql`now()`, updatedAt: sql`now()` })
      .where(heldAny(items));
  }

  /** The item waits; with `again` its copy starts from nothing. */
  async postpone(item: HeldItem, fault: ItemFault, delayMs: number, facts: Facts = {}): Promise<void> {
    await this.#settle(item, {
      ...{ state: 'pending', ...fault, ...facts },
      runAfter: sql`now() + ${milliseconds(delayMs)}`,
    });
  }

  /** The item is over, one way or the other. */
  async end(
    item: HeldItem,
    state: 'done' | 'skipped' | 'failed' | 'quarantined',
    facts: Facts = {},
    executor: Executor = this.#db,
  ): Promise<void> {
    await this.#settle(item, { ...facts, state, finishedAt: sql`now()` }, executor);
  }

  /** True when nothing of the run is left to do. */
  async isFinished(runId: string): Promise<boolean> {
    const { rows } = await this.#db.execute<{ open: boolean }>(sql`
      select exists (select 1 from longshore.migration_items
        where run_id = ${runId} and state in ('pending', 'copying', 'verifying')) as open`);
    return rows[0]?.open === false;
  }

  async #take({ runId, owner, leaseMs }: ItemClaim, limit: number, condition: ReturnType<typeof sql>) {
    const chosen = sql`
      select dataset_id from longshore.migration_items where run_id = ${runId} and ${condition}
      order by size_bytes desc, run_after limit ${limit} for update skip locked`;
    return this.#db
      .update(I)
      .set({
        state: sql`case when copied_at is null then 'copying' else 'verifying' end`,
        attempt: sql`${I.attempt} + 1`,
        leaseOwner: owner,
        leaseUntil: sql`now() + ${milliseconds(leaseMs)}`,
        startedAt: sql`coalesce(${I.startedAt}, now())`,
        ...{ errorCode: null, errorMessage: null, errorHint: null },
        updatedAt: sql`now()`,
      })
      .where(and(eq(I.runId, runId), sql`${I.datasetId} = any(array(${chosen}))`))
      .returning();
  }

  /** For each, whether it is still held. */
  async #writeHashes(known: readonly KnownHash[]): Promise<boolean[]> {
    const facts = known.map(({ item: { runId, datasetId, attempt }, sha256 }) => ({
      runId,
      datasetId,
      attempt,
      sha256,
    }));
    const { rows } = await this.#db.execute<{ dataset_id: string; attempt: number }>(sql`
      update longshore.migration_items i set expected_sha256 = f.sha256, updated_at = now()
      from jsonb_to_recordset(${JSON.stringify(facts)}::jsonb)
        as f ("runId" text, "datasetId" text, attempt integer, sha256 text)
      where i.run_id = f."runId" and i.dataset_id = f."datasetId" and i.attempt = f.attempt
        and i.state in ('copying', 'verifying')
      returning i.dataset_id, i.attempt`);
    const held = new Set(rows.map((row) => `${row.dataset_id} ${row.attempt}`));
    return known.map(({ item }) => held.has(`${item.datasetId} ${item.attempt}`));
  }

  async #settle(item: HeldItem, facts: Facts, executor: Executor = this.#db): Promise<void> {
    await executor
      .update(I)
      .set({ ...facts, leaseOwner: null, leaseUntil: null, updatedAt: sql`now()` })
      .where(heldAny([item]));
  }

  async #write(item: HeldItem, facts: Facts): Promise<void> {
    const rows = await this.#db
      .update(I)
      .set({ ...facts, updatedAt: sql`now()` })
      .where(heldAny([item]))
      .returning({ id: I.datasetId });
    if (rows.length === 0) throw fencedError(`Item ${item.datasetId}`);
  }
}

function heldAny(items: readonly HeldItem[]) {
  const runId = items[0]?.runId ?? '';
  const pairs = sql.join(
    items.map((item) => sql`(${item.datasetId}, ${item.attempt}::int)`),
    sql`, `,
  );
  return and(eq(I.runId, runId), sql`(${I.datasetId}, ${I.attempt}) in (${pairs})`, inArray(I.state, OPEN_STATES));
}
