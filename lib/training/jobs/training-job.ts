import type { JsonObject, TrainingJobState, TrainingTarget, trainingJobs } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';

export type { TrainingEventKind, TrainingJobState, TrainingTarget } from '@/lib/db/schema.ts';

export const TARGETS = ['local', 'runpod', 'lambda', 'sagemaker'] as const satisfies TrainingTarget[];
export const JOB_STATES = [
  'pending',
  'starting',
  'fetching',
  'running',
  'completed',
  'failed',
  'cancelled',
] as const satisfies TrainingJobState[];

/** What a provider rents out for a job. Kept in the job's row: ids and addresses for people, never a secret. */
export interface RemoteResource {
  provider: TrainingTarget;
  /** Absent while it is being made: a crash in between is found by the provider's own name of it. */
  id?: string;
  region?: string;
  console_url?: string;
  /** The provider's own word, or `creating`, `ended`. */
  state: string;
  details?: JsonObject;
}

/** Why a job ended, or its last attempt. Holds no secret. */
export interface JobError {
  code: string;
  message: string;
  hint: string | null;
  /** What the worker was doing: `claim`, `fetch`, `verify`, `unpack`, `train`, `report`, or a target's own word. */
  stage: string | null;
}

/** One training job: the row is the truth about it. */
export type TrainingJob = Omit<typeof trainingJobs.$inferSelect, 'remote' | 'error'> & {
  remote: RemoteResource | null;
  error: JobError | null;
};

/** When a job that says nothing is given up, and how often it is begun again. */
export interface JobPolicy {
  /** Starts in all, the first included. */
  maxAttempts: number;
  /** A worker that is silent for longer is taken for dead. */
  heartbeatTimeoutMs: number;
  /** From the start of an attempt to the first word of its worker; a job that waits for a local agent waits for ever. */
  startTimeoutMs: number;
  /** From that first word to the end. Null: as long as it takes. */
  runTimeoutMs: number | null;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A local machine that comes back tries again by itself; a rented one costs money, so a person decides. */
export const POLICIES: Readonly<Record<TrainingTarget, JobPolicy>> = {
  local: { maxAttempts: 3, heartbeatTimeoutMs: 2 * MINUTE_MS, startTimeoutMs: 10 * MINUTE_MS, runTimeoutMs: null },
  runpod: { maxAttempts: 1, heartbeatTimeoutMs: 5 * MINUTE_MS, startTimeoutMs: 6 * HOUR_MS, runTimeoutMs: null },
  lambda: { maxAttempts: 1, heartbeatTimeoutMs: 5 * MINUTE_MS, startTimeoutMs: 6 * HOUR_MS, runTimeoutMs: null },
  sagemaker: { maxAttempts: 1, heartbeatTimeoutMs: 30 * MINUTE_MS, startTimeoutMs: 24 * HOUR_MS, runTimeoutMs: null },
};

/** Every move a job may make. Back to `pending` is a new attempt. A target may learn of several moves at once. */
const MOVES: Record<TrainingJobState, readonly TrainingJobState[]> = {
  pending: ['pending', 'starting', 'failed', 'cancelled'],
  starting: ['pending', 'starting', 'fetching', 'running', 'completed', 'failed', 'cancelled'],
  fetching: ['pending', 'fetching', 'running', 'completed', 'failed', 'cancelled'],
  running: ['pending', 'running', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: ['pending'],
  cancelled: ['pending'],
};

export function mayMove(from: TrainingJobState, to: TrainingJobState): boolean {
  return MOVES[from].includes(to);
}

/** The job has ended: its token opens nothing any more. Only a person's retry begins it again. */
export function isOver(state: TrainingJobState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** A job as the API shows it. Values of the environment that a user added are not shown: they may be secrets. */
export function trainingJobJson(job: TrainingJob): JsonObject {
  return {
    id: job.id,
    dataset_id: job.datasetId,
    content_sha256: job.contentSha256,
    target: job.target,
    config: shownConfig(job.config),
    state: job.state,
    attempt: job.attempt,
    max_attempts: job.maxAttempts,
    stage: job.stage,
    progress: job.progress,
    error: job.error,
    remote: job.remote,
    claimed_by: job.claimedBy,
    log_bytes: job.logBytes,
    metric_points: job.metricPoints,
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    heartbeat_at: job.heartbeatAt?.toISOString() ?? null,
    finished_at: job.finishedAt?.toISOString() ?? null,
  };
}

function shownConfig({ sealed_env: _, ...shown }: JsonObject): JsonObject {
  return shown;
}

/** The same answer for an id that does not exist and for somebody else's. */
export function jobNotFound(): LongshoreError {
  return new LongshoreError('job_not_found', 'There is no such training job.', {
    hint: 'List your jobs: GET /api/training/jobs.',
  });
}

/** For a worker: whatever it does, nobody listens any more. `superseded`: a later attempt has taken its place. */
export function jobOver(state: TrainingJobState | 'superseded' | 'deleted'): LongshoreError {
  return new LongshoreError('job_over', `This job, or this attempt at it, is over (${state}).`, {
    hint: 'Stop the work: nothing that it reports is taken in.',
    details: { state },
  });
}

export function isJobOver(error: unknown): boolean {
  return error instanceof LongshoreError && error.code === 'job_over';
}

export function wrongState(job: Pick<TrainingJob, 'state'>, wanted: string): LongshoreError {
  return new LongshoreError('job_state_conflict', `A ${job.state} job cannot be ${wanted}.`, {
    hint: 'Look at the job again: GET /api/training/jobs/{id}.',
    details: { state: job.state },
  });
}
