import { asc, desc, eq, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/lib/db/database.ts';
import { currentPhase, type JsonObject, phases } from '@/lib/db/schema.ts';
import type { Phase } from '@/lib/placement/phase.ts';

export type PhaseEntry = typeof phases.$inferSelect;

export interface PhaseChange {
  phase: Phase;
  /** Who changed it. */
  actor: string;
  /** True when a gate stood against it; then `reason` says why. */
  forced?: boolean;
  reason?: string;
  /** The gates as they stood. */
  gates?: JsonObject;
}

/**
 * Who holds the phase and who changes it take turns in the order of asking. On the row itself, those who share a lock let
 * each other in past one who waits to change it, for as long as one of them overlaps with the next.
 */
const LOCK = sql.raw(`hashtext('longshore'), hashtext('phase')`);

/** The phase of the installation and its history. */
export class PhaseRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async current(executor: Executor = this.#db): Promise<PhaseEntry> {
    const [row] = await this.#select(executor);
    return this.#existing(row);
  }

  /** The phase under which a transaction commits: nobody leaves it before the transaction ends. */
  async hold(tx: Executor): Promise<Phase> {
    await tx.execute(sql`select pg_advisory_xact_lock_shared(${LOCK})`);
    return (await this.current(tx)).phase;
  }

  /** The phase, which nobody holds or changes before the transaction ends: waits for all who do. */
  async lock(tx: Executor): Promise<PhaseEntry> {
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
    return this.current(tx);
  }

  /** Enters a phase: waits for every transaction that holds the present one. */
  async enter(tx: Executor, change: PhaseChange): Promise<PhaseEntry> {
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
    const [entry] = await tx.insert(phases).values(change).returning();
    const made = this.#existing(entry);
    await tx.update(currentPhase).set({ phaseId: made.id });
    return made;
  }

  /** Since when datasets are written to buckets too, without interruption. Null in base_only. */
  async dualWriteSince(executor: Executor = this.#db): Promise<Date | null> {
    const lastBase = sql`(select max(id) from longshore.phases where phase = 'base_only')`;
    const [row] = await executor
      .select({ enteredAt: phases.enteredAt })
      .from(phases)
      .where(sql`${phases.id} > coalesce(${lastBase}, 0)`)
      .orderBy(asc(phases.id))
      .limit(1);
    return row?.enteredAt ?? null;
  }

  /** Newest first. */
  async history(limit = 100): Promise<PhaseEntry[]> {
    return this.#db.select().from(phases).orderBy(desc(phases.id)).limit(limit);
  }

  async #select(executor: Executor): Promise<PhaseEntry[]> {
    const rows = await executor.select().from(currentPhase).innerJoin(phases, eq(currentPhase.phaseId, phases.id));
    return rows.map((row) => row.phases);
  }

  #existing(row: PhaseEntry | undefined): PhaseEntry {
    if (row === undefined) throw new Error('the phase row is missing');
    return row;
  }
}
