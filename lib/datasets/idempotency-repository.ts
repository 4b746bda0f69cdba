import { createHash } from 'node:crypto';
import { and, eq, isNotNull, isNull, lt, or, sql } from 'drizzle-orm';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import type { LeaseTable } from '@/lib/datasets/lease-keeper.ts';
import type { Database, Executor } from '@/lib/db/database.ts';
import { idempotencyKeys, type JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { leaseEnd } from '@/lib/placement/spool/spool-repository.ts';

export type IdempotencyRow = typeof idempotencyKeys.$inferSelect;

/** What was asked, hashed: equal keys must come with equal requests. */
export interface RequestIdentity {
  sourceSha256: string;
  name: string;
  description: string | null;
  format: string;
}

export function requestSha256({ sourceSha256, name, description, format }: RequestIdentity): string {
  const text = JSON.stringify([sourceSha256, name, description, format]);
  return createHash('sha256').update(text).digest('hex');
}

export interface BoundRequest {
  key: string;
  requestSha256: string;
  datasetId: string;
}

const K = idempotencyKeys;

/** Idempotency keys and the answers that were given under them. */
export class IdempotencyRepository {
  readonly #db: Database;
  readonly #owner: string;
  readonly #isDead: (owner: string) => Promise<boolean>;

  constructor(db: Database, process: { owner: string; isDead(owner: string): Promise<boolean> }) {
    this.#db = db;
    this.#owner = process.owner;
    this.#isDead = (owner) => process.isDead(owner);
  }

  /**
   * Takes a key for this request. Returns the row of an earlier, answered request instead, if there is one.
   * @throws idempotency_in_progress while an earlier request with this key is being worked on
   */
  async take(userId: string, key: string): Promise<IdempotencyRow | undefined> {
    for (;;) {
      const lease = { leaseOwner: this.#owner, leaseUntil: leaseEnd() };
      const made = await this.#db
        .insert(K)
        .values({ userId, key, ...lease })
        .onConflictDoNothing()
        .returning();
      if (made.length > 0) return undefined;
      const row = await this.#find(userId, key);
      if (row === undefined) continue;
      if (row.response !== null) return row;
      if (row.datasetId !== null || !(await this.#isAbandoned(row))) throw inProgress();
      await this.#removeAbandoned(row);
    }
  }

  /** Binds the key to the dataset, in the transaction that makes its row. From then on the dataset's janitor answers. */
  async bind(tx: Executor, userId: string, request: BoundRequest): Promise<void> {
    const { key, ...bound } = request;
    await tx
      .insert(K)
      .values({ userId, key, ...bound })
      .onConflictDoUpdate({ target: [K.userId, K.key], set: { ...bound, leaseOwner: null, leaseUntil: null } });
  }

  /** The key under which a dataset came, if it came under one. */
  async boundTo(datasetId: string): Promise<{ key: string; requestSha256: string } | null> {
    const [row] = await this.#db.select().from(K).where(eq(K.datasetId, datasetId));
    return row === undefined ? null : { key: row.key, requestSha256: row.requestSha256 ?? '' };
  }

  /** Keeps the answer, in the transaction that makes it true. */
  async answer(tx: Executor, datasetId: string, dataset: DatasetJson): Promise<void> {
    const response = { dataset } as unknown as JsonObject;
    await tx.update(K).set({ statusCode: 201, response }).where(eq(K.datasetId, datasetId));
  }

  /** Gives up a key whose request failed: the same request may be sent again. */
  async release(userId: string, key: string): Promise<void> {
    await this.#db.delete(K).where(and(this.#is(userId, key), eq(K.leaseOwner, this.#owner), isNull(K.datasetId)));
  }

  /** Frees the key of an upload that is being removed before it was ever answered. */
  async releaseUnanswered(tx: Executor, datasetId: string): Promise<void> {
    await tx.delete(K).where(and(eq(K.datasetId, datasetId), isNull(K.response)));
  }

  leases(): LeaseTable {
    return { renew: (ids) => this.#renew(ids) };
  }

  async forget(olderThanHours: number): Promise<void> {
    const old = lt(K.createdAt, sql`now() - make_interval(hours => ${olderThanHours})`);
    await this.#db.delete(K).where(and(old, or(isNotNull(K.response), isNull(K.datasetId))));
  }

  async #find(userId: string, key: string): Promise<IdempotencyRow | undefined> {
    const [row] = await this.#db.select().from(K).where(this.#is(userId, key));
    return row;
  }

  async #isAbandoned(row: IdempotencyRow): Promise<boolean> {
    if (row.leaseOwner !== null && (await this.#isDead(row.leaseOwner))) return true;
    const { rows } = await this.#db.execute<{ ended: boolean }>(
      sql`select ${row.leaseUntil?.toISOString() ?? null}::timestamptz < now() as ended`,
    );
    return rows[0]?.ended === true;
  }

  /** Only if nobody renewed it meanwhile. */
  async #removeAbandoned(row: IdempotencyRow): Promise<void> {
    const same = row.leaseUntil === null ? isNull(K.leaseUntil) : eq(K.leaseUntil, row.leaseUntil);
    await this.#db.delete(K).where(and(this.#is(row.userId, row.key), same, isNull(K.datasetId)));
  }

  async #renew(ids: readonly string[]): Promise<string[]> {
    const kept: string[] = [];
    for (const id of ids) {
      const { userId, key } = parseLeaseId(id);
      const rows = await this.#db
        .update(K)
        .set({ leaseUntil: leaseEnd() })
        .where(and(this.#is(userId, key), eq(K.leaseOwner, this.#owner)))
        .returning({ key: K.key });
      if (rows.length > 0) kept.push(id);
    }
    return kept;
  }

  #is(userId: string, key: string) {
    return and(eq(K.userId, userId), eq(K.key, key));
  }
}

export function leaseIdOf(userId: string, key: string): string {
  return JSON.stringify([userId, key]);
}

function parseLeaseId(id: string): { userId: string; key: string } {
  const [userId, key] = JSON.parse(id) as [string, string];
  return { userId, key };
}

function inProgress(): LongshoreError {
  return new LongshoreError('idempotency_in_progress', 'A request with this Idempotency-Key is being worked on.', {
    hint: 'Send the same request again later: you get the answer of the first.',
    details: { retry_after_seconds: 2 },
  });
}

export function keyReused(): LongshoreError {
  return new LongshoreError('idempotency_key_reused', 'This Idempotency-Key was used for a different request.', {
    hint: 'Use a new key for a new request; the same key only to repeat the very same request.',
  });
}
