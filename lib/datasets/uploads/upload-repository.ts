import { and, asc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { LeaseTable } from '@/lib/datasets/lease-keeper.ts';
import type { Database, Executor } from '@/lib/db/database.ts';
import { type JsonObject, uploads } from '@/lib/db/schema.ts';
import { fencedError } from '@/lib/placement/replica.ts';
import { leaseEnd } from '@/lib/placement/spool/spool-repository.ts';

/** A resumable upload and its durable result. */
export type Upload = typeof uploads.$inferSelect;

export type NewUpload = Pick<Upload, 'id' | 'userId' | 'sizeBytes' | 'name' | 'description' | 'format' | 'metadata'>;

const U = uploads;

/** Rows of TUS uploads. Bytes lie on the host that a row names. */
export class UploadRepository {
  readonly #db: Database;
  readonly #hostId: string;
  readonly #owner: string;

  constructor(db: Database, process: { hostId: string; owner: string }) {
    this.#db = db;
    this.#hostId = process.hostId;
    this.#owner = process.owner;
  }

  async insert(upload: NewUpload): Promise<void> {
    await this.#db.insert(U).values({ ...upload, hostId: this.#hostId, status: 'receiving' });
  }

  /** Undefined for an upload that does not exist or is somebody else's. */
  async find(userId: string, id: string): Promise<Upload | undefined> {
    const [row] = await this.#db
      .select()
      .from(U)
      .where(and(eq(U.id, id), eq(U.userId, userId)));
    return row;
  }

  async load(id: string): Promise<Upload | undefined> {
    const [row] = await this.#db.select().from(U).where(eq(U.id, id));
    return row;
  }

  isHere(upload: Upload): boolean {
    return upload.hostId === this.#hostId;
  }

  /** Bytes arrived: the upload does not expire for another while. */
  async touch(id: string): Promise<void> {
    await this.#db.update(U).set({ updatedAt: sql`now()` }).where(eq(U.id, id));
  }

  async setSize(id: string, sizeBytes: number): Promise<void> {
    await this.#db
      .update(U)
      .set({ sizeBytes, updatedAt: sql`now()` })
      .where(and(eq(U.id, id), isNull(U.sizeBytes)));
  }

  /** All bytes are here, durably; ingest begins, under a lease of this process. False when it began before. */
  async beginProcessing(id: string): Promise<boolean> {
    const rows = await this.#db
      .update(U)
      .set({ status: 'processing', leaseOwner: this.#owner, leaseUntil: leaseEnd(), updatedAt: sql`now()` })
      .where(and(eq(U.id, id), eq(U.status, 'receiving')))
      .returning({ id: U.id });
    return rows.length > 0;
  }

  async countReceiving(userId: string): Promise<number> {
    return this.#db.$count(U, and(eq(U.userId, userId), eq(U.status, 'receiving')));
  }

  async receivingHere(): Promise<Upload[]> {
    return this.#db
      .select()
      .from(U)
      .where(and(eq(U.hostId, this.#hostId), eq(U.status, 'receiving')));
  }

  /** Uploads of this host that are being processed, by whomever. */
  async processingHere(): Promise<Upload[]> {
    return this.#db
      .select()
      .from(U)
      .where(and(eq(U.hostId, this.#hostId), eq(U.status, 'processing')))
      .orderBy(asc(U.updatedAt));
  }

  /** Takes over processing. False when another process was quicker or lives. */
  async takeOver(id: string, deadOwner: string | undefined): Promise<boolean> {
    const ended = or(isNull(U.leaseUntil), lt(U.leaseUntil, sql`now()`));
    const free = deadOwner === undefined ? ended : or(ended, eq(U.leaseOwner, deadOwner));
    const rows = await this.#db
      .update(U)
      .set({ leaseOwner: this.#owner, leaseUntil: leaseEnd(), updatedAt: sql`now()` })
      .where(and(eq(U.id, id), eq(U.status, 'processing'), free))
      .returning({ id: U.id });
    return rows.length > 0;
  }

  /** Binds the upload to its dataset, in the transaction that makes the dataset's row. @throws fenced */
  async bind(tx: Executor, id: string, datasetId: string): Promise<void> {
    const rows = await tx
      .update(U)
      .set({ datasetId, updatedAt: sql`now()` })
      .where(and(this.#held(id), isNull(U.datasetId)))
      .returning({ id: U.id });
    if (rows.length === 0) throw fencedError(`Upload ${id}`);
  }

  /** The upload that brought a dataset, if one did. */
  async boundTo(datasetId: string): Promise<string | null> {
    const [row] = await this.#db.select({ id: U.id }).from(U).where(eq(U.datasetId, datasetId));
    return row?.id ?? null;
  }

  /** An upload whose row was lost and whose dataset came back from its manifest. */
  async restore(tx: Executor, upload: { id: string; userId: string; datasetId: string }): Promise<void> {
    const bound = { datasetId: upload.datasetId, status: 'processing' as const };
    await tx
      .insert(U)
      .values({ ...upload, ...bound, hostId: this.#hostId })
      .onConflictDoUpdate({ target: U.id, set: bound });
  }

  /** The upload that made this dataset, if one did, is done: in the transaction that makes the dataset ready. */
  async settle(tx: Executor, datasetId: string): Promise<void> {
    await tx
      .update(U)
      .set({ status: 'ready', leaseOwner: null, leaseUntil: null, updatedAt: sql`now()` })
      .where(and(eq(U.datasetId, datasetId), eq(U.status, 'processing')));
  }

  /** The upload gave no dataset, and why. */
  async fail(id: string, problem: JsonObject): Promise<void> {
    await this.#db
      .update(U)
      .set({ status: 'failed', problem, leaseOwner: null, leaseUntil: null, updatedAt: sql`now()` })
      .where(and(this.#held(id), isNull(U.datasetId)));
  }

  /** As `fail`, for an upload whose dataset is being removed again, in the transaction that marks it. */
  async failOf(tx: Executor, datasetId: string, problem: JsonObject): Promise<void> {
    await tx
      .update(U)
      .set({ status: 'failed', problem, datasetId: null, leaseOwner: null, leaseUntil: null, updatedAt: sql`now()` })
      .where(and(eq(U.datasetId, datasetId), eq(U.status, 'processing')));
  }

  /** Lets others go on with the processing after `ms`. */
  async letGo(id: string, ms: number): Promise<void> {
    await this.#db
      .update(U)
      .set({ leaseOwner: null, leaseUntil: leaseEnd(ms) })
      .where(this.#held(id));
  }

  /** Marks uploads of this host that nobody has touched for `ms`, and returns their ids. */
  async expire(ms: number): Promise<string[]> {
    const idle = lt(U.updatedAt, sql`now() - make_interval(secs => ${ms / 1000})`);
    const rows = await this.#db
      .update(U)
      .set({ status: 'expired', updatedAt: sql`now()` })
      .where(and(eq(U.hostId, this.#hostId), eq(U.status, 'receiving'), idle))
      .returning({ id: U.id });
    return rows.map((row) => row.id);
  }

  /** Of these ids, those whose bytes are still needed. */
  async needed(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#db
      .select({ id: U.id })
      .from(U)
      .where(and(inArray(U.id, [...ids]), inArray(U.status, ['receiving', 'processing'])));
    return new Set(rows.map((row) => row.id));
  }

  async remove(userId: string, id: string): Promise<void> {
    await this.#db.delete(U).where(and(eq(U.id, id), eq(U.userId, userId), eq(U.status, 'receiving')));
  }

  /** Forgets results that were settled long ago. */
  async forget(days: number): Promise<void> {
    const old = lt(U.updatedAt, sql`now() - make_interval(days => ${days})`);
    await this.#db.delete(U).where(and(inArray(U.status, ['ready', 'failed', 'expired']), old));
  }

  leases(): LeaseTable {
    return {
      renew: async (ids) => {
        const rows = await this.#db
          .update(U)
          .set({ leaseUntil: leaseEnd() })
          .where(and(inArray(U.id, [...ids]), eq(U.leaseOwner, this.#owner)))
          .returning({ id: U.id });
        return rows.map((row) => row.id);
      },
    };
  }

  #held(id: string) {
    return and(eq(U.id, id), eq(U.status, 'processing'), eq(U.leaseOwner, this.#owner));
  }
}
