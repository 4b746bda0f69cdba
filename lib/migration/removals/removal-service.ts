import type { Database, Executor } from '@/lib/db/database.ts';
import type { RemovalEntryState } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';
import { MIGRATION_JOBS } from '@/lib/migration/job-types.ts';
import type { Removal, RemovalEntry, RemovalRepository } from '@/lib/migration/removals/removal-repository.ts';
import type { RunRepository } from '@/lib/migration/runs/run-repository.ts';
import type { Phase } from '@/lib/placement/phase.ts';

export interface ShownRemoval {
  removal: Removal;
  counts: Awaited<ReturnType<RemovalRepository['counts']>>;
}

export interface RemovalServiceParts {
  db: Database;
  removals: RemovalRepository;
  runs: RunRepository;
  jobs: Pick<JobQueue, 'enqueue'>;
  phase(): Promise<Phase>;
  audit(entry: { actor: string; action: string; subject: string }, executor: Executor): Promise<void>;
  now: () => Date;
}

/**
 * Letting copies go, in two steps that a person takes: a list, in which every copy that stays was read back, and later its
 * application. Nothing else in Longshore starts either.
 */
export class RemovalService {
  readonly #parts: RemovalServiceParts;

  constructor(parts: RemovalServiceParts) {
    this.#parts = parts;
  }

  /** Lists all copies in the base store whose bytes are proved to be in a bucket. Removes nothing. @throws phase_keeps_base */
  async listBase(actor: string): Promise<ShownRemoval> {
    await this.#refuseWhileBaseIsWritten();
    return this.#list({ kind: 'purge_base', runId: null, actor });
  }

  /** Lists the copies that a run made. Removes nothing. @throws migration_not_found, migration_state */
  async listRun(runId: string, actor: string): Promise<ShownRemoval> {
    const run = await this.#parts.runs.get(runId);
    if (run.rolledBackAt !== null) return this.#list({ kind: 'rollback', runId, actor });
    throw new LongshoreError('migration_state', 'The run was not rolled back: reads still prefer its copies.', {
      hint: `First: longshore migrate rollback ${runId}`,
    });
  }

  /** @throws removal_not_found */
  async get(id: string): Promise<ShownRemoval> {
    return this.#view(await this.#parts.removals.get(id));
  }

  /** In order of replica id; one more than the limit means another page. */
  async entries(
    id: string,
    query: { state?: RemovalEntryState; after?: string; limit: number },
  ): Promise<RemovalEntry[]> {
    await this.#parts.removals.get(id);
    return this.#parts.removals.entries(id, { ...query, limit: query.limit + 1 });
  }

  /**
   * Lets the listed copies go, in the background.
   * @throws removal_waits before its time, removal_state unless it is listed, phase_keeps_base
   */
  async apply(id: string, actor: string): Promise<ShownRemoval> {
    const removal = await this.#parts.removals.get(id);
    if (removal.kind === 'purge_base') await this.#refuseWhileBaseIsWritten();
    if (removal.state !== 'listed' && removal.state !== 'applying') throw wrongState(removal);
    if (removal.notBefore === null || removal.notBefore > this.#parts.now()) throw tooEarly(removal);
    const begun = await this.#parts.db.transaction(async (tx) => {
      const applying = await this.#parts.removals.beginApplying(tx, id);
      if (applying === undefined) throw wrongState(removal);
      await this.#enqueue(MIGRATION_JOBS.remove, id, tx);
      await this.#parts.audit({ actor, action: `removal.applied.${removal.kind}`, subject: id }, tx);
      return applying;
    });
    return this.#view(begun);
  }

  async #list(wanted: { kind: Removal['kind']; runId: string | null; actor: string }): Promise<ShownRemoval> {
    const removal = await this.#parts.db.transaction(async (tx) => {
      const made = await this.#parts.removals.insert(tx, wanted);
      await this.#enqueue(MIGRATION_JOBS.list, made.id, tx);
      await this.#parts.audit({ actor: wanted.actor, action: `removal.listed.${wanted.kind}`, subject: made.id }, tx);
      return made;
    });
    return this.#view(removal);
  }

  async #refuseWhileBaseIsWritten(): Promise<void> {
    const phase = await this.#parts.phase();
    if (phase === 's3_primary') return;
    throw new LongshoreError(
      'phase_keeps_base',
      `In the phase ${phase} every dataset keeps a copy in the base store.`,
      {
        hint: 'Only s3_primary does without: see `longshore phase`.',
      },
    );
  }

  async #enqueue(type: string, id: string, executor: Executor): Promise<void> {
    await this.#parts.jobs.enqueue(
      { type, payload: { removal_id: id }, dedupeKey: `${type}:${id}`, whileRunning: 'skip' },
      executor,
    );
  }

  async #view(removal: Removal): Promise<ShownRemoval> {
    return { removal, counts: await this.#parts.removals.counts(removal.id) };
  }
}

function wrongState(removal: Removal): LongshoreError {
  return new LongshoreError('removal_state', `This list is ${removal.state}.`, {
    hint: removal.state === 'listing' ? 'Its proofs are still being read: wait for it.' : 'Make a new list.',
  });
}

function tooEarly(removal: Removal): LongshoreError {
  const when = removal.notBefore?.toISOString() ?? 'its proofs are read';
  return new LongshoreError('removal_waits', `This list may be applied from ${when} on.`, {
    hint: 'The wait is there to be used: read the list, and train from the copies that stay.',
    details: { not_before: removal.notBefore?.toISOString() ?? null },
  });
}
