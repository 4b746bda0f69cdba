import { sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import type { AdoptionRepository, SeenRow } from '@/lib/migration/adopt/adoption-repository.ts';
import type { FirstReadings } from '@/lib/migration/adopt/first-readings.ts';
import type { S3Claims } from '@/lib/migration/adopt/s3-claims.ts';
import type { Vanished } from '@/lib/migration/adopt/vanished.ts';
import type { JobSink } from '@/lib/placement/job-types.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export const ADOPTION_JOBS = {
  /** Follows what the old application does: cheap where it did nothing. */
  sweep: 'sweep_adoption',
  /** Reads the adopted datasets of one slice for the first time. */
  read: 'read_adopted',
} as const;

export interface AdoptionSweepParts {
  db: Database;
  repository: AdoptionRepository;
  base: StorageService;
  claims: S3Claims;
  vanished: Vanished;
  readings: FirstReadings;
  jobs: JobSink;
}

const ROWS = 500;

export interface SweepResult {
  cleared: number;
  taken_in: number;
  s3_copies: number;
  inspections: number;
}

/** Brings what the old application did since to its end. Does nothing before an adoption was applied. */
export class AdoptionSweep {
  readonly #parts: AdoptionSweepParts;

  constructor(parts: AdoptionSweepParts) {
    this.#parts = parts;
  }

  async run(signal?: AbortSignal): Promise<SweepResult> {
    const { repository, vanished, claims } = this.#parts;
    const cleared = await vanished.clear(ROWS, signal);
    if ((await repository.find()) === undefined) return { cleared, taken_in: 0, s3_copies: 0, inspections: 0 };
    return {
      cleared,
      taken_in: await this.#takeIn(signal),
      s3_copies: await claims.takeWaiting(ROWS, signal),
      inspections: await this.#queueReadings(),
    };
  }

  /** Rows that came while the triggers were off, and those whose address was still being cleared. */
  async #takeIn(signal: AbortSignal | undefined): Promise<number> {
    const { rows } = await this.#parts.db.execute<{ id: string; path: string }>(sql`
      select t.id::text as id, t.storage_path::text as path
      from public.training_datasets t left join longshore.adopted_datasets a on a.dataset_id = t.id::text
      where t.object_sha256 is null and t.deleted_at is null and t.status = 'ready'
        and (a.dataset_id is null or a.state = 'waiting')
      limit ${ROWS}`);
    const seen: SeenRow[] = [];
    for (const { id, path } of rows) {
      signal?.throwIfAborted();
      seen.push({ id, storagePath: path, ...(await this.#look(path, signal)) });
    }
    const outcomes = await this.#parts.repository.adopt(seen);
    return [...outcomes.values()].filter((outcome) => outcome === 'adopted').length;
  }

  async #look(path: string, signal: AbortSignal | undefined): Promise<Pick<SeenRow, 'sizeBytes' | 'present'>> {
    try {
      return { sizeBytes: (await this.#parts.base.stat(path, { signal })).sizeBytes, present: true };
    } catch (error) {
      // A key that no store could have is judged by the path itself.
      const settled = StorageError.is(error, 'not_found') || StorageError.is(error, 'invalid_request');
      if (settled) return { sizeBytes: null, present: false };
      throw error;
    }
  }

  /** Behind all other work: nobody waits for it. Returns how many datasets are to be read. */
  async #queueReadings(): Promise<number> {
    const open = await this.#parts.readings.open();
    for (const { slice } of open) {
      const type = ADOPTION_JOBS.read;
      const job = { type, payload: { slice }, dedupeKey: `${type}:${slice}`, priority: -10 };
      await this.#parts.jobs.enqueue({ ...job, whileRunning: 'skip' });
    }
    return open.reduce((sum, { datasets }) => sum + datasets, 0);
  }
}
