import { AsyncLocalStorage } from 'node:async_hooks';
import {
  createTableRelationsHelpers,
  type ExtractTablesWithRelations,
  extractTablesRelationalConfig,
  type RelationalSchemaConfig,
  sql,
} from 'drizzle-orm';
import { type NodePgClient, NodePgDatabase, NodePgSession, NodePgTransaction } from 'drizzle-orm/node-postgres';
import { PgDialect, type PgTransactionConfig } from 'drizzle-orm/pg-core';
import type pg from 'pg';
import { LongshoreError } from '@/lib/errors.ts';
import { unavailable, withoutValues } from './query-error.ts';
import * as schema from './schema.ts';

type Schema = typeof schema;
type Tables = ExtractTablesWithRelations<Schema>;
type Relational = RelationalSchemaConfig<Tables> & { fullSchema: Schema };

/** Every statement on it takes a connection of the pool for itself. Those that belong together go in `transaction`. */
export type Database = NodePgDatabase<Schema>;
/** Inside `database.transaction`: everything on it commits together or not at all. */
export type Transaction = NodePgTransaction<Schema, Tables>;
/** For functions that run alone or as part of a caller's transaction. */
export type Executor = Database | Transaction;

/**
 * A drizzle database over the pool: connections are always handed back, errors carry no values, nesting is refused.
 * `ready` is awaited before a connection is asked for.
 */
export function databaseOver(pool: pg.Pool, ready: () => Promise<void> = async () => undefined): Database {
  const config = extractTablesRelationalConfig<Tables>(schema, createTableRelationsHelpers);
  const relational = { fullSchema: schema, schema: config.tables, tableNamesMap: config.tableNamesMap };
  const dialect = new PgDialect();
  return new NodePgDatabase<Schema>(dialect, new PoolSession(pool, ready, dialect, relational), relational);
}

/** A session whose errors are QueryErrors. */
class SafeSession extends NodePgSession<Schema, Tables> {
  override prepareQuery: NodePgSession<Schema, Tables>['prepareQuery'] = (...query) => {
    const prepared = super.prepareQuery(...query);
    const execute = prepared.execute.bind(prepared);
    prepared.execute = async (values) => {
      await this.beforeExecute();
      try {
        return await execute(values);
      } catch (error) {
        throw withoutValues(error);
      }
    };
    return prepared;
  };

  protected async beforeExecute(): Promise<void> {}
}

interface OpenTransaction {
  pool: NodePgClient;
  open: boolean;
  afterCommit: (() => void)[];
}

const around = new AsyncLocalStorage<OpenTransaction>();

/**
 * Calls `work` when the transaction that surrounds this call has committed, and never if it does not; at once where there
 * is none. For hints to other parts of this process: it is lost when the process ends in between. MUST not throw.
 */
export function afterCommit(work: () => void): void {
  const transaction = around.getStore();
  if (transaction?.open) transaction.afterCommit.push(work);
  else work();
}

class PoolSession extends SafeSession {
  readonly #pool: pg.Pool;
  readonly #ready: () => Promise<void>;
  readonly #dialect: PgDialect;
  readonly #relational: Relational;

  constructor(pool: pg.Pool, ready: () => Promise<void>, dialect: PgDialect, relational: Relational) {
    super(pool, dialect, relational);
    this.#pool = pool;
    this.#ready = ready;
    this.#dialect = dialect;
    this.#relational = relational;
  }

  /**
   * Using the pool while this very call chain holds a transaction would wait for a second connection while keeping the
   * first: on the embedded database at once, on any pool under load, for ever.
   */
  protected override async beforeExecute(): Promise<void> {
    const outer = around.getStore();
    if (outer?.open && outer.pool === this.#pool) throw nestedUse();
    await this.#ready();
  }

  override async transaction<T>(work: (tx: Transaction) => Promise<T>, config?: PgTransactionConfig): Promise<T> {
    await this.beforeExecute();
    const client = await this.#connect();
    const state: OpenTransaction = { pool: this.#pool, open: true, afterCommit: [] };
    try {
      const result = await around.run(state, () => this.#runOn(client, work, config));
      for (const hint of state.afterCommit) hint();
      return result;
    } finally {
      state.open = false;
      // A connection that is not back in the idle state (rollback failed, socket lost) must not serve anybody else.
      client.release(client.getTransactionStatus() !== 'I');
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #runOn<T>(
    client: pg.PoolClient,
    work: (tx: Transaction) => Promise<T>,
    config: PgTransactionConfig | undefined,
  ): Promise<T> {
    const session = new SafeSession(client, this.#dialect, this.#relational);
    const tx = new NodePgTransaction<Schema, Tables>(this.#dialect, session, this.#relational);
    await tx.execute(sql`begin`);
    try {
      if (config) await tx.setTransaction(config);
      const result = await work(tx);
      const { command } = await tx.execute(sql`commit`);
      if (command !== 'COMMIT') throw rolledBack();
      return result;
    } catch (error) {
      // The first error is the one to tell. Where the rollback fails too, the connection is thrown away.
      await tx.execute(sql`rollback`).catch(() => undefined);
      throw error;
    }
  }
}

/** PostgreSQL answers COMMIT of a transaction in which a statement failed with a silent ROLLBACK. */
function rolledBack(): LongshoreError {
  return new LongshoreError('transaction_rolled_back', 'A failed statement was ignored, so nothing was committed.', {
    hint: 'This is a fault of the program: let the error of a statement end its transaction, or use a nested one.',
  });
}

function nestedUse(): LongshoreError {
  return new LongshoreError('nested_database_use', 'The database was used beside a transaction that is still open.', {
    hint: 'This is a fault of the program: pass the transaction on and use it instead of the database.',
  });
}
