/**
 * What PostgreSQL's background processes do elsewhere: the embedded one has none. Runs between the statements of clients
 * and never inside a transaction of theirs.
 */
export interface MaintainedEngine {
  query<Row>(statement: string): Promise<Row[]>;
  execute(statements: string): Promise<void>;
  readonly inTransaction: boolean;
}

/** Recovery after a kill replays at most about this much: under a second. */
const WAL_BEFORE_CHECKPOINT_BYTES = 32 * 1024 * 1024;
const CHECKPOINT_EVERY_MS = 5 * 60_000;
/** A checkpoint itself writes a little: less than this is not worth another one. */
const WORTH_A_CHECKPOINT_BYTES = 64 * 1024;
/** Tables below this are read whole in no time. */
const DEAD_ROWS_AT_LEAST = 500;
const DEAD_ROWS_SHARE = 0.2;
/** Far below the 2^31 transactions at which PostgreSQL stops to protect itself. */
const FREEZE_AT_AGE = 100_000_000;

export class Maintenance {
  readonly #engine: MaintainedEngine;
  readonly #now: () => number;
  #checkpointAt: number;

  constructor(engine: MaintainedEngine, now: () => number = Date.now) {
    this.#engine = engine;
    this.#now = now;
    this.#checkpointAt = now();
  }

  /** One round: at most one table is vacuumed, so that clients wait briefly. Returns what was done. */
  async run(): Promise<string[]> {
    if (this.#engine.inTransaction) return [];
    return [...(await this.#vacuum()), ...(await this.#checkpoint())];
  }

  async #checkpoint(): Promise<string[]> {
    const [row] = await this.#engine.query<{ bytes: number }>(
      'select (pg_current_wal_insert_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()',
    );
    const bytes = row?.bytes ?? 0;
    const due = this.#now() - this.#checkpointAt >= CHECKPOINT_EVERY_MS && bytes > WORTH_A_CHECKPOINT_BYTES;
    if (!due && bytes < WAL_BEFORE_CHECKPOINT_BYTES) return [];
    this.#checkpointAt = this.#now();
    return this.#do('checkpoint');
  }

  async #vacuum(): Promise<string[]> {
    const aged = await this.#agedTable();
    if (aged !== undefined) return this.#do(`vacuum (freeze, analyze) ${aged}`);
    const bloated = await this.#bloatedTable();
    return bloated === undefined ? [] : this.#do(`vacuum (analyze) ${bloated}`);
  }

  async #do(statement: string): Promise<string[]> {
    await this.#engine.execute(statement);
    return [statement];
  }

  async #bloatedTable(): Promise<string | undefined> {
    const rows = await this.#engine.query<{ name: string }>(`
      select format('%I.%I', schemaname, relname) as name from pg_stat_all_tables
      where greatest(n_dead_tup, n_mod_since_analyze) > ${DEAD_ROWS_AT_LEAST} + ${DEAD_ROWS_SHARE} * n_live_tup
        and schemaname not like 'pg_temp%'
      order by n_dead_tup desc limit 1`);
    return rows[0]?.name;
  }

  async #agedTable(): Promise<string | undefined> {
    const rows = await this.#engine.query<{ name: string }>(`
      select format('%I.%I', nspname, relname) as name from pg_class join pg_namespace n on n.oid = relnamespace
      where relkind in ('r', 't', 'm') and age(relfrozenxid) > ${FREEZE_AT_AGE}
      order by age(relfrozenxid) desc limit 1`);
    return rows[0]?.name;
  }
}
