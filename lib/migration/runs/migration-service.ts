import type { Database, Executor } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import { MIGRATION_JOBS } from '@/lib/migration/job-types.ts';
import type { ItemQueries, ItemQuery } from '@/lib/migration/runs/item-queries.ts';
import type { Planner } from '@/lib/migration/runs/planner.ts';
import { RECEIPT_TYPES, type ReceiptFormat, receiptLines } from '@/lib/migration/runs/receipts.ts';
import { decodeOptions } from '@/lib/migration/runs/run-options.ts';
import type { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { RunRollback } from '@/lib/migration/runs/run-rollback.ts';
import type { MigrationItem, MigrationOptions, MigrationRun, RunSummary } from '@/lib/migration/types.ts';

export interface MigrationServiceParts {
  db: Database;
  runs: RunRepository;
  items: ItemQueries;
  planner: Planner;
  rollback: RunRollback;
  jobs: Pick<JobQueue, 'enqueue'>;
  /** Throws where the rows that name the datasets are not known. */
  requireDatabase: () => void;
  /** Keeps who did what, with the change itself. */
  audit(entry: { actor: string; action: string; subject: string }, executor: Executor): Promise<void>;
  notify(run: MigrationRun): void;
}

/** Processes that may work on a run together, one job each. */
const WORKERS = 8;
/** A process that is killed must not use up the attempts of the job that the next one goes on with. */
const ATTEMPTS = 1_000_000;

/** What an admin may do with migration runs. */
export class MigrationService {
  readonly #parts: MigrationServiceParts;

  constructor(parts: MigrationServiceParts) {
    this.#parts = parts;
  }

  /** Writes down what would be moved; nothing is. @throws migration_needs_database */
  async plan(options: MigrationOptions, actor: string, signal?: AbortSignal): Promise<RunSummary> {
    this.#parts.requireDatabase();
    const run = await this.#parts.runs.insert(options, actor);
    await this.#parts.planner.extend(run.id, decodeOptions(run.options).filters, signal);
    return this.#summary(run);
  }

  /** @throws migration_not_found, as every call below */
  async get(id: string): Promise<RunSummary> {
    return this.#summary(await this.#parts.runs.get(id));
  }

  /** Newest first. One more than the limit means that there is another page. */
  async list(limit: number, before?: string): Promise<RunSummary[]> {
    const runs = await this.#parts.runs.list(limit, before);
    return Promise.all(runs.map((run) => this.#summary(run)));
  }

  async items(id: string, query: ItemQuery): Promise<MigrationItem[]> {
    await this.#parts.runs.get(id);
    return this.#parts.items.list(id, query);
  }

  /**
   * Starts a planned run, goes on with a paused one, and takes up what an ended one left out.
   * @throws migration_active while another run is under way; migration_state when the run was cancelled
   */
  async resume(id: string, actor: string): Promise<RunSummary> {
    this.#parts.requireDatabase();
    const before = await this.#parts.runs.get(id);
    if (before.state === 'running') return this.#summary(before);
    const run = await this.#change(before, 'running', actor, async (tx) => {
      if (before.state !== 'paused') await this.#parts.runs.reopen(id, tx);
      await this.#queueWorkers(id, tx);
    });
    return this.#summary(run);
  }

  /** Objects under way stop within seconds; what of them has arrived is kept for going on. @throws migration_state */
  async pause(id: string, actor: string): Promise<RunSummary> {
    const before = await this.#parts.runs.get(id);
    if (before.state === 'paused') return this.#summary(before);
    return this.#summary(await this.#change(before, 'paused', actor));
  }

  /** Copies that are done stay; what was begun is removed. @throws migration_state */
  async cancel(id: string, actor: string): Promise<RunSummary> {
    const before = await this.#parts.runs.get(id);
    if (before.state === 'cancelling' || before.state === 'cancelled') return this.#summary(before);
    const to = before.state === 'planned' ? 'cancelled' : 'cancelling';
    return this.#summary(await this.#change(before, to, actor, (tx) => this.#queueWorkers(id, tx)));
  }

  /** Reads both sides of everything the run moved back, in the background. @throws migration_state while it moves */
  async verify(id: string, actor: string): Promise<RunSummary> {
    const { db, runs, jobs, audit } = this.#parts;
    await this.#idle(id);
    await db.transaction(async (tx) => {
      await runs.clearChecks(id, tx);
      const job = { type: MIGRATION_JOBS.check, payload: { run_id: id }, dedupeKey: `${MIGRATION_JOBS.check}:${id}` };
      await jobs.enqueue(job, tx);
      await audit({ actor, action: 'migration.verified', subject: id }, tx);
    });
    return this.get(id);
  }

  /** Reads return to the base store at once; the copies stay. @throws migration_state while the run moves */
  async rollBack(id: string, actor: string): Promise<RunSummary> {
    await this.#idle(id);
    await this.#parts.audit({ actor, action: 'migration.rolled_back', subject: id }, this.#parts.db);
    await this.#parts.rollback.rollBack(id);
    this.#parts.notify(await this.#parts.runs.get(id));
    return this.get(id);
  }

  /** One line an object that was moved. */
  async receipts(id: string, format: ReceiptFormat): Promise<{ contentType: string; lines: AsyncGenerator<string> }> {
    await this.#parts.runs.get(id);
    return { contentType: RECEIPT_TYPES[format], lines: receiptLines(this.#parts.items, id, format) };
  }

  /** Called on a schedule: whatever happened to the jobs, a run that is under way has workers. */
  async watch(): Promise<string | undefined> {
    const run = await this.#parts.runs.active();
    if (run === undefined || run.state === 'paused') return undefined;
    await this.#queueWorkers(run.id, this.#parts.db);
    return run.id;
  }

  async #idle(id: string): Promise<void> {
    const run = await this.#parts.runs.get(id);
    if (run.state !== 'running' && run.state !== 'cancelling') return;
    throw new LongshoreError('migration_state', `This run is ${run.state}.`, {
      hint: `Wait for it, or pause it: longshore migrate pause ${id}`,
      details: { state: run.state },
    });
  }

  async #change(
    before: MigrationRun,
    to: 'running' | 'paused' | 'cancelling' | 'cancelled',
    actor: string,
    also: (tx: Executor) => Promise<void> = async () => undefined,
  ): Promise<MigrationRun> {
    const { db, runs, audit, notify } = this.#parts;
    const run = await db.transaction(async (tx) => {
      const moved = await runs.move(before.id, to, tx);
      if (moved === undefined) throw wrongState(before, to);
      await also(tx);
      await audit({ actor, action: `migration.${to}`, subject: before.id }, tx);
      return moved;
    });
    notify(run);
    return run;
  }

  async #queueWorkers(runId: string, executor: Executor): Promise<void> {
    for (let slot = 0; slot < WORKERS; slot += 1) {
      const dedupeKey = `${MIGRATION_JOBS.run}:${runId}:${slot}`;
      const job = { type: MIGRATION_JOBS.run, payload: { run_id: runId }, dedupeKey, maxAttempts: ATTEMPTS };
      await this.#parts.jobs.enqueue({ ...job, whileRunning: 'skip' }, executor);
    }
  }

  async #summary(run: MigrationRun): Promise<RunSummary> {
    return { run, totals: await this.#parts.items.totals(run.id) };
  }
}

function wrongState(run: MigrationRun, to: string): LongshoreError {
  return new LongshoreError('migration_state', `This run is ${run.state}; it cannot become ${to}.`, {
    hint: run.state === 'cancelled' ? 'Plan a new run: `longshore migrate plan`.' : 'See `longshore migrate status`.',
    details: { state: run.state },
  });
}
