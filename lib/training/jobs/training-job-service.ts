import { sql } from 'drizzle-orm';
import type { DatasetRepository } from '@/lib/datasets/dataset-repository.ts';
import { datasetUploading } from '@/lib/datasets/reader-errors.ts';
import type { Database, Transaction } from '@/lib/db/database.ts';
import type { IdGenerator } from '@/lib/db/ids.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { JobEnvironments } from './job-environments.ts';
import type { JobKeys, RequestKey } from './job-keys.ts';
import type { JobTransitions } from './job-transitions.ts';
import type { RemoteEnder } from './remote-resources.ts';
import {
  isOver,
  type JobError,
  type JobPolicy,
  jobNotFound,
  jobOver,
  POLICIES,
  type RemoteResource,
  type TrainingJob,
  type TrainingTarget,
  wrongState,
} from './training-job.ts';
import type { EventQuery, JobListQuery, TrainingJobEvent, TrainingJobRepository } from './training-job-repository.ts';

export interface NewTraining {
  userId: string;
  datasetId: string;
  target: TrainingTarget;
  /** `command`, `env`, and what the target needs. Kept as it is, but for the values in `env`, which are encrypted. */
  config: JsonObject;
  policy?: Partial<JobPolicy>;
  /** Names the request, so that it makes one job however often it is sent. */
  requestKey?: RequestKey;
}

/** A job at one attempt: what was decided for an earlier one changes nothing. */
export type JobAtAttempt = Pick<TrainingJob, 'id' | 'attempt'>;

/** Longer than any training; the job's row says earlier when its token is over. */
const TOKEN_LIFE_MS = 30 * 24 * 60 * 60 * 1000;
const MAX_CONFIG_BYTES = 256 * 1024;

export interface TrainingJobServiceParts {
  db: Database;
  jobs: TrainingJobRepository;
  transitions: JobTransitions;
  remotes: RemoteEnder;
  environments: JobEnvironments;
  keys: JobKeys;
  datasets: DatasetRepository;
  /** Where workers reach this installation. */
  baseUrl: URL;
  issueToken(claim: { jobId: string; userId: string; attempt: number; expiresAt: Date }): string;
  newId: IdGenerator;
  now?: () => Date;
}

/** What users and deploy targets do with training jobs. */
export class TrainingJobService {
  readonly #parts: TrainingJobServiceParts;
  readonly #now: () => Date;

  constructor(parts: TrainingJobServiceParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /**
   * Makes a pending job, pinned to the bytes that the dataset has now. Local ones wait for an agent; for the others the
   * target that asked calls `starting`.
   * @throws dataset_not_found, dataset_uploading, dataset_not_indexed, config_too_large, idempotency_in_progress
   */
  async create(wanted: NewTraining): Promise<TrainingJob> {
    const { db, jobs, transitions, environments, keys, newId } = this.#parts;
    const contentSha256 = await this.#pin(wanted.userId, wanted.datasetId);
    const config = checkedConfig(wanted.config);
    const { userId, datasetId, target } = wanted;
    const policy = { ...POLICIES[target], ...wanted.policy };
    return db.transaction(async (tx) => {
      const id = newId();
      if (wanted.requestKey !== undefined) await keys.bind(tx, userId, id, wanted.requestKey);
      const sealed = environments.seal({ id, userId }, config);
      const job = await jobs.insert(tx, { id, userId, datasetId, contentSha256, target, config: sealed, ...policy });
      await jobs.append(tx, job, [{ kind: 'state', data: { from: null, to: 'pending' } }]);
      transitions.announce(job);
      return job;
    });
  }

  /** The job that this request has made before. @throws idempotency_key_reused */
  async madeBefore(userId: string, requestKey: RequestKey): Promise<TrainingJob | undefined> {
    const id = await this.#parts.keys.find(userId, requestKey);
    return id === undefined ? undefined : this.get(userId, id);
  }

  /** @throws job_not_found */
  async get(userId: string, id: string): Promise<TrainingJob> {
    return this.#parts.jobs.get(userId, id);
  }

  /** Newest first; one more than the limit where there is another page. */
  async list(userId: string, query: JobListQuery): Promise<TrainingJob[]> {
    return this.#parts.jobs.list(userId, query);
  }

  /** What a job said, in the order in which it did. The caller has shown that the job is the user's. */
  async events(job: TrainingJob, query: EventQuery): Promise<TrainingJobEvent[]> {
    return this.#parts.jobs.events(job.id, query);
  }

  /** For a target's own background work, never for a user's request. */
  async find(id: string): Promise<TrainingJob | undefined> {
    return this.#parts.jobs.find(id);
  }

  /**
   * A target begins, or goes on, to rent something for the job: first with `{ provider, state: 'creating' }`, then with
   * the id. MUST be called as soon as the id is known. Where the job was cancelled meanwhile the resource is queued to be
   * ended, and `job_over` thrown.
   */
  async starting(job: JobAtAttempt, remote: RemoteResource): Promise<TrainingJob> {
    const started = await this.#parts.db.transaction(async (tx) => {
      const row = await this.#parts.jobs.lock(tx, job.id);
      if (row === undefined || row.attempt !== job.attempt || isOver(row.state)) {
        await this.#parts.remotes.queue(tx, { userId: '', ...row, ...job }, remote);
        return undefined;
      }
      // A quick worker may have spoken before the provider's answer came back.
      if (row.state !== 'pending') return this.#parts.jobs.update(tx, row.id, { remote: { ...remote } });
      return this.#parts.transitions.move(tx, row, 'starting', { remote: { ...remote } });
    });
    if (started !== undefined) return started;
    throw jobOver((await this.find(job.id))?.state ?? 'deleted');
  }

  /** What the provider says about the resource now: shown to people. Changes nothing when the attempt is over. */
  async observed(job: JobAtAttempt, remote: RemoteResource): Promise<void> {
    await this.#parts.db.transaction(async (tx) => {
      const row = await this.#parts.jobs.lock(tx, job.id);
      if (row === undefined || row.attempt !== job.attempt || row.remote?.state === 'ended') return;
      this.#parts.transitions.announce(await this.#parts.jobs.update(tx, row.id, { remote: { ...remote } }));
    });
  }

  /**
   * A target knows better than the worker, or there is no worker to tell: the job runs, has completed or has failed.
   * `failed` is final whatever attempts are left. Ends the remote resource with the job.
   * @throws job_over when the attempt is over, which is fine for most callers
   */
  async settle(
    job: JobAtAttempt,
    to: { state: 'running' | 'completed' } | { state: 'failed'; error: JobError },
  ): Promise<TrainingJob> {
    const change = to.state === 'failed' ? { error: { ...to.error } } : { heartbeatAt: sql`now()` };
    return this.#parts.db.transaction(async (tx) => {
      const row = await this.#lockAttempt(tx, job);
      if (row.state === to.state) return this.#parts.jobs.update(tx, row.id, change);
      return this.#parts.transitions.move(tx, row, to.state, change);
    });
  }

  /** A target cannot start the job, or lost it: another attempt where the policy leaves one, else failed. */
  async giveUpAttempt(job: JobAtAttempt, error: JobError): Promise<TrainingJob> {
    return this.#parts.db.transaction(async (tx) => {
      return this.#parts.transitions.giveUpAttempt(tx, await this.#lockAttempt(tx, job), error);
    });
  }

  /** Ends a job, at once and for good, whatever it does; its worker hears it next time it speaks. Twice is fine. */
  async cancel(userId: string, id: string): Promise<TrainingJob> {
    return this.#own(userId, id, async (tx, job) => {
      if (job.state === 'cancelled') return job;
      if (isOver(job.state)) throw wrongState(job, 'cancelled');
      return this.#parts.transitions.move(tx, job, 'cancelled');
    });
  }

  /** Begins a failed or cancelled local job again, on the same bytes. @throws job_state_conflict, deploy_again */
  async retry(userId: string, id: string): Promise<TrainingJob> {
    await this.#pin(userId, (await this.get(userId, id)).datasetId);
    return this.#own(userId, id, async (tx, job) => {
      if (job.state !== 'failed' && job.state !== 'cancelled') throw wrongState(job, 'begun again');
      if (job.target !== 'local') throw deployAgain(job.target);
      return this.#parts.transitions.restart(tx, job, { maxAttempts: job.attempt + POLICIES.local.maxAttempts });
    });
  }

  /** Everything that Longshore puts into the environment of a worker. The token opens this attempt of this job only. */
  workerEnvironment(job: Pick<TrainingJob, 'id' | 'userId' | 'attempt'>): Record<string, string> {
    const expiresAt = new Date(this.#now().getTime() + TOKEN_LIFE_MS);
    const claim = { jobId: job.id, userId: job.userId, attempt: job.attempt, expiresAt };
    return {
      LONGSHORE_URL: this.#parts.baseUrl.origin,
      LONGSHORE_JOB_ID: job.id,
      LONGSHORE_JOB_TOKEN: this.#parts.issueToken(claim),
    };
  }

  /** What the job's worker is told to do, the values of its environment included: for the worker alone. */
  workerConfig(job: TrainingJob): JsonObject {
    return this.#parts.environments.open(job);
  }

  async #pin(userId: string, datasetId: string): Promise<string> {
    const dataset = await this.#parts.datasets.get(userId, datasetId);
    if (dataset.status !== 'ready') throw datasetUploading();
    if (dataset.contentSha256 === null) throw notIndexed();
    return dataset.contentSha256;
  }

  async #own(
    userId: string,
    id: string,
    change: (tx: Transaction, job: TrainingJob) => Promise<TrainingJob>,
  ): Promise<TrainingJob> {
    return this.#parts.db.transaction(async (tx) => {
      const job = await this.#parts.jobs.lock(tx, id);
      if (job === undefined || job.userId !== userId) throw jobNotFound();
      return change(tx, job);
    });
  }

  async #lockAttempt(tx: Transaction, job: JobAtAttempt): Promise<TrainingJob> {
    const row = await this.#parts.jobs.lock(tx, job.id);
    if (row === undefined) throw jobOver('deleted');
    if (row.attempt !== job.attempt) throw jobOver('superseded');
    if (isOver(row.state)) throw jobOver(row.state);
    return row;
  }
}

function checkedConfig(config: JsonObject): JsonObject {
  const size = Buffer.byteLength(JSON.stringify(config));
  if (size <= MAX_CONFIG_BYTES) return config;
  throw new LongshoreError('config_too_large', `The configuration has ${size} bytes.`, {
    hint: `At most ${MAX_CONFIG_BYTES}: put large things into the dataset or the image.`,
  });
}

function notIndexed(): LongshoreError {
  return new LongshoreError('dataset_not_indexed', 'The hash of this dataset is not known yet.', {
    hint: 'It was stored before Longshore: ask again once it has been indexed.',
    details: { retry_after_seconds: 30 },
  });
}

function deployAgain(target: string): LongshoreError {
  return new LongshoreError('deploy_again', `A job on ${target} is not begun again by itself: that costs money.`, {
    hint: `Deploy it again: POST /api/training/deploy/${target}.`,
  });
}
