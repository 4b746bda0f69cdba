import type { JobSink } from '@/lib/placement/job-types.ts';
import { PLACEMENT_JOBS } from '@/lib/placement/job-types.ts';
import type { ScrubFinding, ScrubRepository, ScrubRun } from '@/lib/placement/scrub/scrub-repository.ts';
import type { ScrubSettings } from '@/lib/placement/scrub/scrubber.ts';

/** A run as the API shows it. */
export interface ScrubRunJson {
  id: string;
  scope: 'all' | 'mine';
  /** A user id, or `schedule`. */
  requested_by: string;
  state: 'running' | 'finished';
  started_at: string;
  finished_at: string | null;
  total_replicas: number;
  total_bytes: number;
  checked_replicas: number;
  checked_bytes: number;
  same: number;
  missing: number;
  corrupt: number;
  errors: number;
}

export interface ScrubFindingJson {
  run_id: string;
  dataset_id: string;
  provider: string;
  bucket: string;
  key: string;
  /** `error`: the store could not be asked, so nothing is known of the copy. */
  outcome: 'missing' | 'corrupt' | 'error';
  error_code: string | null;
  at: string;
}

export interface ScrubStatusJson {
  running: ScrubRunJson | null;
  /** The newest run that is over. */
  last: ScrubRunJson | null;
  /** Newest first, of all runs that are remembered. */
  findings: ScrubFindingJson[];
  coverage: { replicas: number; never_read: number; oldest_verified_at: string | null };
  settings: { bytes_per_second: number; interval_seconds: number };
}

/** So many jobs share a run; more processes than these do not make it faster. */
const SLICES = 4;
/** A copy whose store could not be asked is tried again by the schedule after a day. */
const RETRY_MS = 24 * 60 * 60 * 1000;
const SHOWN_FINDINGS = 100;

/** Begins scrubs and tells how they go. */
export class ScrubService {
  readonly #repository: ScrubRepository;
  readonly #jobs: JobSink;
  readonly #settings: ScrubSettings;

  constructor(parts: { repository: ScrubRepository; jobs: JobSink; settings: ScrubSettings }) {
    this.#repository = parts.repository;
    this.#jobs = parts.jobs;
    this.#settings = parts.settings;
  }

  /**
   * Reads every copy again, of one user or of all. A run of the same scope that is under way stands for it. Undefined
   * when there is no copy at all.
   */
  async start(wish: { userId: string | undefined; requestedBy: string }): Promise<ScrubRunJson | undefined> {
    return this.#begin({ ...wish, notReadForMs: 0, retryAfterMs: 0 });
  }

  /** For the schedule: begins a run when copies are due, and brings one that lost its jobs back to life. */
  async startDue(): Promise<ScrubRunJson | undefined> {
    const { intervalMs } = this.#settings;
    const retryAfterMs = Math.min(RETRY_MS, intervalMs);
    for (const run of await this.#repository.runs(undefined, 20)) {
      if (run.finishedAt === null) await this.#queueSlices(run);
    }
    return this.#begin({ userId: undefined, requestedBy: 'schedule', notReadForMs: intervalMs, retryAfterMs });
  }

  /** `userId` undefined: of the whole installation. */
  async status(userId: string | undefined): Promise<ScrubStatusJson> {
    const [runs, findings, coverage] = await Promise.all([
      this.#repository.runs(userId, 10),
      this.#repository.findings(userId, SHOWN_FINDINGS),
      this.#repository.coverage(userId),
    ]);
    const running = runs.find((run) => run.finishedAt === null);
    const last = runs.find((run) => run.finishedAt !== null);
    return {
      running: running === undefined ? null : runJson(running),
      last: last === undefined ? null : runJson(last),
      findings: findings.map(findingJson),
      coverage: { replicas: coverage.replicas, never_read: coverage.unread, oldest_verified_at: coverage.oldest },
      settings: {
        bytes_per_second: this.#settings.bytesPerSecond,
        interval_seconds: Math.round(this.#settings.intervalMs / 1000),
      },
    };
  }

  async #begin(wish: Parameters<ScrubRepository['begin']>[0]): Promise<ScrubRunJson | undefined> {
    const run = await this.#repository.begin(wish);
    if (run === undefined) return undefined;
    await this.#queueSlices(run);
    return runJson(run);
  }

  async #queueSlices(run: ScrubRun): Promise<void> {
    const type = PLACEMENT_JOBS.scrubSlice;
    for (let slice = 0; slice < Math.min(SLICES, run.totalReplicas); slice += 1) {
      const dedupeKey = `${type}:${run.id}:${slice}`;
      await this.#jobs.enqueue({
        type,
        payload: { run_id: run.id },
        dedupeKey,
        whileRunning: 'skip',
        maxAttempts: 100,
      });
    }
  }
}

function runJson(run: ScrubRun): ScrubRunJson {
  return {
    id: run.id,
    scope: run.userId === null ? 'all' : 'mine',
    requested_by: run.requestedBy,
    state: run.finishedAt === null ? 'running' : 'finished',
    started_at: run.startedAt.toISOString(),
    finished_at: run.finishedAt?.toISOString() ?? null,
    total_replicas: run.totalReplicas,
    total_bytes: run.totalBytes,
    checked_replicas: run.checkedReplicas,
    checked_bytes: run.checkedBytes,
    same: run.same,
    missing: run.missing,
    corrupt: run.corrupt,
    errors: run.errors,
  };
}

function findingJson(finding: ScrubFinding): ScrubFindingJson {
  return {
    run_id: finding.runId,
    dataset_id: finding.datasetId,
    provider: finding.provider,
    bucket: finding.bucket,
    key: finding.objectKey,
    outcome: finding.outcome,
    error_code: finding.errorCode,
    at: finding.at.toISOString(),
  };
}
