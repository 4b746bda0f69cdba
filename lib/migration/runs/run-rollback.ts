import { and, asc, eq, gt, inArray, isNotNull, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/lib/db/database.ts';
import { datasetReplicas, migrationItems, trainingDatasets } from '@/lib/db/schema.ts';
import type { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { ReplicaRepository } from '@/lib/placement/replica-repository.ts';
import { writeStorageViews } from '@/lib/placement/storage-view.ts';

const PAGE = 500;
const I = migrationItems;

/** Takes the copies of a run out of the way of reads. They stay where they are, and are kept in repair. */
export class RunRollback {
  readonly #db: Database;
  readonly #runs: RunRepository;
  readonly #replicas: ReplicaRepository;

  constructor(parts: { db: Database; runs: RunRepository; replicas: ReplicaRepository }) {
    this.#db = parts.db;
    this.#runs = parts.runs;
    this.#replicas = parts.replicas;
  }

  /** From its first statement on, reads go to the other copies. Returns how many copies were taken out of the way. */
  async rollBack(runId: string): Promise<number> {
    const moved = await this.#unprefer(runId);
    for (let after = ''; ; ) {
      const ids = await this.#page(runId, after);
      if (ids.length > 0) await this.#db.transaction((tx) => this.#rewriteViews(tx, ids));
      after = ids.at(-1) ?? '';
      if (ids.length < PAGE) break;
    }
    await this.#runs.mark(runId, 'rolledBackAt');
    return moved;
  }

  async #unprefer(runId: string): Promise<number> {
    const copies = this.#db
      .select({ id: I.replicaId })
      .from(I)
      .where(and(eq(I.runId, runId), eq(I.state, 'done'), isNotNull(I.replicaId)));
    const rows = await this.#db
      .update(datasetReplicas)
      .set({ preferred: false, updatedAt: sql`now()` })
      .where(and(inArray(datasetReplicas.id, copies), eq(datasetReplicas.preferred, true)))
      .returning({ id: datasetReplicas.id });
    return rows.length;
  }

  async #page(runId: string, after: string): Promise<string[]> {
    const rows = await this.#db
      .select({ id: I.datasetId })
      .from(I)
      .where(and(eq(I.runId, runId), eq(I.state, 'done'), gt(I.datasetId, after)))
      .orderBy(asc(I.datasetId))
      .limit(PAGE);
    return rows.map((row) => row.id);
  }

  async #rewriteViews(tx: Transaction, ids: readonly string[]): Promise<void> {
    const T = trainingDatasets;
    await tx
      .select({ id: T.id })
      .from(T)
      .where(inArray(T.id, [...ids]))
      .orderBy(asc(T.id))
      .for('update');
    await writeStorageViews(tx, await this.#replicas.ofDatasets(ids, tx));
  }
}
