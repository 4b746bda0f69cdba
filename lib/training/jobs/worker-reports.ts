import type { Database, Transaction } from '@/lib/db/database.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { JobTransitions } from './job-transitions.ts';
import { ALIVE, countRate, REPORT_LIMITS, type ReportLimits, safeText } from './report-limits.ts';
import { isOver, type JobError, jobOver, type TrainingJob, wrongState } from './training-job.ts';
import type { NewEvent, TrainingJobChange, TrainingJobRepository } from './training-job-repository.ts';

/** Who speaks, as a job token proves it. */
export interface WorkerClaim {
  jobId: string;
  userId: string;
  attempt: number;
}

/** One of several machines that work on one job; a job on one machine has none. */
export interface Shard {
  index: number;
  count: number;
}

export interface LogChunk {
  stream: 'stdout' | 'stderr' | 'worker';
  /** Whole lines, each ended by a line feed. */
  text: string;
  at?: Date;
}

export interface MetricPoint {
  values: Record<string, number>;
  step?: number;
  epoch?: number;
  at?: Date;
}

/** A numbered report: one that was taken in before, whose answer was lost, changes nothing. */
interface Numbered {
  seq: number;
  shard?: Shard;
}

export type WorkerStatus = { shard?: Shard } & (
  | { state: 'fetching' | 'running' | 'completed' }
  /** `retry`: another attempt may end otherwise. */
  | { state: 'failed'; error: JobError; retry: boolean }
  /** The worker is told to stop, by its machine and not by the user: somebody else may do the job. */
  | { state: 'released' }
);

/**
 * What workers say about their job. Every call opens exactly the job and attempt of the token and throws `job_over` when
 * that has ended in any way; every call is a sign of life.
 */
export class WorkerReports {
  readonly #db: Database;
  readonly #jobs: TrainingJobRepository;
  readonly #transitions: JobTransitions;
  readonly #limits: ReportLimits;
  readonly #now: () => Date;

  constructor(parts: {
    db: Database;
    jobs: TrainingJobRepository;
    transitions: JobTransitions;
    limits?: ReportLimits;
    now?: () => Date;
  }) {
    this.#db = parts.db;
    this.#jobs = parts.jobs;
    this.#transitions = parts.transitions;
    this.#limits = parts.limits ?? REPORT_LIMITS;
    this.#now = parts.now ?? (() => new Date());
  }

  /** The next local job of a user for an agent; undefined when none waits. */
  async claimNext(userId: string, worker: string): Promise<TrainingJob | undefined> {
    return this.#db.transaction(async (tx) => {
      const job = await this.#jobs.lockNextLocal(tx, userId);
      if (job === undefined) return undefined;
      return this.#transitions.move(tx, job, 'starting', { claimedBy: safeText(worker), ...ALIVE });
    });
  }

  /** A worker that was given its token in another way says that it is there. A machine that starts again does so twice. */
  async claim(claim: WorkerClaim, worker: string): Promise<TrainingJob> {
    return this.live(claim, async (tx, job) => {
      const change = { claimedBy: safeText(worker), ...ALIVE };
      if (job.state === 'pending') return this.#transitions.move(tx, job, 'starting', change);
      return this.#told(tx, job, change);
    });
  }

  async heartbeat(claim: WorkerClaim, beat: { stage?: string; progress?: JsonObject }): Promise<TrainingJob> {
    return this.live(claim, async (tx, job) => {
      const stage = beat.stage === undefined ? job.stage : safeText(beat.stage);
      const progress = beat.progress ?? job.progress;
      if (stage !== job.stage) await this.#jobs.append(tx, job, [{ kind: 'stage', data: { stage, progress } }]);
      return this.#told(tx, job, { stage, progress, ...ALIVE });
    });
  }

  /** `dropped` is true when the job has said all that it may. @throws reports_too_fast */
  async logs(claim: WorkerClaim, report: Numbered & { chunks: readonly LogChunk[] }): Promise<{ dropped: boolean }> {
    return this.#report(claim, report, async (tx, job) => {
      if (job.logBytes >= this.#limits.logBytes) return { change: {}, dropped: true };
      const chunks = report.chunks.map((chunk) => ({ ...chunk, text: safeText(chunk.text) }));
      const size = chunks.reduce((sum, chunk) => sum + Buffer.byteLength(chunk.text), 0);
      const events = chunks.map((chunk) => logEvent(chunk, report.shard));
      const dropped = job.logBytes + size >= this.#limits.logBytes;
      if (dropped) events.push(logEvent({ stream: 'worker', text: LOG_FULL }, report.shard));
      await this.#jobs.append(tx, job, events);
      return { change: { logBytes: job.logBytes + size, ...countRate(job, size, this.#now(), this.#limits) }, dropped };
    });
  }

  /** As `logs`. */
  async metrics(
    claim: WorkerClaim,
    report: Numbered & { points: readonly MetricPoint[] },
  ): Promise<{ dropped: boolean }> {
    return this.#report(claim, report, async (tx, job) => {
      const room = Math.max(0, this.#limits.metricPoints - job.metricPoints);
      const points = report.points.slice(0, room);
      const size = JSON.stringify(points).length;
      await this.#jobs.append(
        tx,
        job,
        points.map((point) => metricEvent(point, report.shard)),
      );
      const change = { metricPoints: job.metricPoints + points.length };
      const rate = countRate(job, size, this.#now(), this.#limits);
      return { change: { ...change, ...rate }, dropped: points.length < report.points.length };
    });
  }

  /** @throws job_state_conflict */
  async status(claim: WorkerClaim, status: WorkerStatus): Promise<TrainingJob> {
    return this.live(claim, (tx, job) => {
      if (status.state === 'released') return this.#transitions.giveUpAttempt(tx, job, RELEASED);
      if (status.state === 'failed') return this.#failed(tx, job, status);
      if (status.state === 'completed') return this.#completed(tx, job, status.shard);
      return this.#begun(tx, job, status.state);
    });
  }

  /**
   * Runs `work` with the job's row locked, if this token still opens it.
   * @throws job_over
   */
  async live<T>(claim: WorkerClaim, work: (tx: Transaction, job: TrainingJob) => Promise<T>): Promise<T> {
    return this.#db.transaction(async (tx) => {
      const job = await this.#jobs.lock(tx, claim.jobId);
      if (job === undefined || job.userId !== claim.userId) throw jobOver('deleted');
      if (job.attempt !== claim.attempt) throw jobOver('superseded');
      if (isOver(job.state)) throw jobOver(job.state);
      if (!(await this.#jobs.ownerIsActive(job.userId, tx))) throw jobOver('deleted');
      return work(tx, job);
    });
  }

  /** One node of several that fetches again does not take a running job back. */
  async #begun(tx: Transaction, job: TrainingJob, to: 'fetching' | 'running'): Promise<TrainingJob> {
    if (to === 'fetching' && job.state === 'running') return this.#told(tx, job, ALIVE);
    if (job.state === to) return this.#told(tx, job, ALIVE);
    if (job.state === 'pending') throw wrongState(job, to);
    return this.#transitions.move(tx, job, to, ALIVE);
  }

  async #completed(tx: Transaction, job: TrainingJob, shard: Shard | undefined): Promise<TrainingJob> {
    const shards = shard === undefined ? job.shards : { ...job.shards, [shard.index]: 'completed' };
    const all = shard === undefined || Object.keys(shards).length >= shard.count;
    if (!all) return this.#told(tx, job, { shards, ...ALIVE });
    return this.#transitions.move(tx, job, 'completed', { shards, ...ALIVE });
  }

  async #failed(
    tx: Transaction,
    job: TrainingJob,
    { error, retry }: { error: JobError; retry: boolean },
  ): Promise<TrainingJob> {
    const safe = {
      ...error,
      message: safeText(error.message),
      hint: error.hint === null ? null : safeText(error.hint),
      stage: error.stage ?? job.stage,
    };
    if (retry) return this.#transitions.giveUpAttempt(tx, job, safe);
    return this.#transitions.move(tx, job, 'failed', { error: safe, ...ALIVE });
  }

  async #report(
    claim: WorkerClaim,
    { seq, shard }: Numbered,
    take: (tx: Transaction, job: TrainingJob) => Promise<{ change: TrainingJobChange; dropped: boolean }>,
  ): Promise<{ dropped: boolean }> {
    const source = String(shard?.index ?? 0);
    return this.live(claim, async (tx, job) => {
      if ((job.reportSeqs[source] ?? 0) >= seq) return { dropped: false };
      const { change, dropped } = await take(tx, job);
      await this.#told(tx, job, { ...change, reportSeqs: { ...job.reportSeqs, [source]: seq }, ...ALIVE });
      return { dropped };
    });
  }

  async #told(tx: Transaction, job: TrainingJob, change: TrainingJobChange): Promise<TrainingJob> {
    const now = await this.#jobs.update(tx, job.id, change);
    this.#transitions.announce(now);
    return now;
  }
}

const LOG_FULL = 'This job has logged all that is kept; what follows is dropped.\n';
const RELEASED: JobError = {
  code: 'worker_stopped',
  message: 'The worker was told to stop by its machine.',
  hint: 'Another worker takes the job where attempts are left.',
  stage: null,
};

function logEvent({ stream, text, at }: LogChunk, shard: Shard | undefined): NewEvent {
  return { kind: 'log', data: { stream, text, ...nodeOf(shard) }, ...(at === undefined ? {} : { at }) };
}

function metricEvent({ at, ...point }: MetricPoint, shard: Shard | undefined): NewEvent {
  return { kind: 'metric', data: { ...point, ...nodeOf(shard) }, ...(at === undefined ? {} : { at }) };
}

function nodeOf(shard: Shard | undefined): JsonObject {
  return shard === undefined ? {} : { shard: shard.index };
}
