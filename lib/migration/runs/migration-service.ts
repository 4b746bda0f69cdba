import type { ItemQueries, ItemQuery } from '@/lib/migration/runs/item-queries.ts';
import type { Planner } from '@/lib/migration/runs/planner.ts';
import { decodeOptions } from '@/lib/migration/runs/run-options.ts';
import type { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { MigrationItem, MigrationOptions, MigrationRun, RunSummary } from '@/lib/migration/types.ts';

export interface MigrationServiceParts {
  runs: RunRepository;
  items: ItemQueries;
  planner: Planner;
  /** Throws where the rows that name the datasets are not known. */
  requireDatabase: () => void;
}

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

  async #summary(run: MigrationRun): Promise<RunSummary> {
    return { run, totals: await this.#parts.items.totals(run.id) };
  }
}
