import { and, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { spools } from '@/lib/db/schema.ts';

/** A dataset's local file, and who works on it. */
export type Spool = typeof spools.$inferSelect;

/** How long a process may be silent before others take its work over. */
export const LEASE_MS = 30_000;

export function leaseEnd(ms = LEASE_MS) {
  return sql`now() + make_interval(secs => ${ms / 1000})`;
}

/** Spool rows. Only the host that a row names may touch its file. */
export class SpoolRepository {
  readonly #db: Database;
  readonly #hostId: string;
  readonly #owner: string;

  constructor(db: Database, directory: { hostId: string; owner: string }) {
    this.#db = db;
    this.#hostId = directory.hostId;
    this.#owner = directory.owner;
  }

  async insert(tx: Executor, spool: Omit<Spool, 'hostId' | 'leaseOwner' | 'leaseUntil' | 'createdAt'>): Promise<void> {
    const lease = { hostId: this.#hostId, leaseOwner: this.#owner, leaseUntil: leaseEnd() };
    await tx.insert(spools).values({ ...spool, ...lease });
  }

  /**
   * For a dataset that came back from its manifest: nobody works on it yet. A row that is there stays: another host
   * removed the dataset, and leaves this host's spool to this host.
   */
  async insertFree(
    tx: Executor,
    spool: Omit<Spool, 'hostId' | 'leaseOwner' | 'leaseUntil' | 'createdAt'>,
  ): Promise<void> {
    const row = { ...spool, hostId: this.#hostId, leaseUntil: leaseEnd(0) };
    await tx.insert(spools).values(row).onConflictDoNothing({ target: spools.datasetId });
  }

  /** A file name for a spool row whose file is gone: the row is how the janitor finds the dataset. */
  absentFileName(datasetId: string): string {
    return `${this.#owner.split('/')[1]}/absent-${datasetId}.jsonl.gz`;
  }

  async find(datasetId: string, executor: Executor = this.#db): Promise<Spool | undefined> {
    const [row] = await executor.select().from(spools).where(eq(spools.datasetId, datasetId));
    return row;
  }

  async namedAmong(datasetIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (datasetIds.length === 0) return new Set();
    const rows = await this.#db
      .select({ id: spools.datasetId })
      .from(spools)
      .where(inArray(spools.datasetId, [...datasetIds]));
    return new Set(rows.map((row) => row.id));
  }

  isMine(spool: Spool): boolean {
    return spool.hostId === this.#hostId;
  }

  /** All of this host. They are few: one for each dataset that is not yet verified everywhere. */
  async ofHost(): Promise<Spool[]> {
    return this.#db.select().from(spools).where(eq(spools.hostId, this.#hostId)).orderBy(spools.createdAt);
  }

  async isNamed(fileName: string): Promise<boolean> {
    const [row] = await this.#db
      .select({ id: spools.datasetId })
      .from(spools)
      .where(and(eq(spools.hostId, this.#hostId), eq(spools.fileName, fileName)));
    return row !== undefined;
  }

  /** Keeps the leases of this process alive. Returns those it still holds. */
  async renew(datasetIds: readonly string[]): Promise<string[]> {
    const rows = await this.#db
      .update(spools)
      .set({ leaseUntil: leaseEnd() })
      .where(and(inArray(spools.datasetId, [...datasetIds]), eq(spools.leaseOwner, this.#owner)))
      .returning({ id: spools.datasetId });
    return rows.map((row) => row.id);
  }

  /**
   * Takes the work on a spool, whose attempt becomes `attempt`. Undefined when another process was quicker or lives.
   * `deadOwner` names a holder that is certainly gone: its lease need not have ended.
   */
  async takeOver(
    tx: Executor,
    datasetId: string,
    attempt: number,
    deadOwner: string | undefined,
  ): Promise<Spool | undefined> {
    const ended = lt(spools.leaseUntil, sql`now()`);
    const free = deadOwner === undefined ? ended : or(ended, eq(spools.leaseOwner, deadOwner));
    const [row] = await tx
      .update(spools)
      .set({ attempt, leaseOwner: this.#owner, leaseUntil: leaseEnd() })
      .where(and(eq(spools.datasetId, datasetId), eq(spools.hostId, this.#hostId), free))
      .returning();
    return row;
  }

  /** Ends this process's work on a spool; others may take it after `ms`. */
  async letGo(datasetId: string, ms: number): Promise<void> {
    await this.#db
      .update(spools)
      .set({ leaseOwner: null, leaseUntil: leaseEnd(ms) })
      .where(and(eq(spools.datasetId, datasetId), or(eq(spools.leaseOwner, this.#owner), isNull(spools.leaseOwner))));
  }

  async remove(tx: Executor, datasetId: string): Promise<void> {
    await tx.delete(spools).where(and(eq(spools.datasetId, datasetId), eq(spools.hostId, this.#hostId)));
  }
}
