import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { PermanentFailure, RunLater } from '@/lib/jobs/outcome.ts';
import type { Deployer, WantedDeployment } from '@/lib/training/deploy/deployer.ts';
import type { RentedJobs } from '@/lib/training/deploy/rented-jobs.ts';
import type { DeployTargetName } from '@/lib/training/deploy-targets/deploy-target.ts';
import type { DeployTargets } from '@/lib/training/deploy-targets/deploy-targets.ts';
import { isOver, type TrainingJob } from '@/lib/training/jobs/training-job.ts';
import type { DagPlace, DagWork } from './dag-step.ts';
import type { DatasetStreams } from './dataset-stream.ts';

export interface TrainingStepsParts {
  streams: Pick<DatasetStreams, 'locate'>;
  deployer: Pick<Deployer, 'deploy'>;
  targets: DeployTargets;
  made: Pick<RentedJobs, 'madeFor'>;
  /** Between looks at a training job. Default 5,000. */
  lookMs?: number;
}

/** Refusals that pass by themselves. */
const PASSING = new Set(['target_no_capacity', 'target_rate_limited', 'target_unavailable', 'launch_interrupted']);

/** The steps that make a training job and wait for its end: `training` for one's own machines, `deployment` for rented. */
export class TrainingSteps {
  readonly #parts: TrainingStepsParts;

  constructor(parts: TrainingStepsParts) {
    this.#parts = parts;
  }

  async training(work: DagWork<'training'>): Promise<JsonObject> {
    const { config } = work.step;
    return this.#follow(work, 'local', { machine: {}, config, trainer: undefined });
  }

  async deployment(work: DagWork<'deployment'>): Promise<JsonObject> {
    const { target, machine, config, trainer } = work.step;
    return this.#follow(work, target, { machine, config, trainer });
  }

  /** Makes the job once, whatever crashes in between, and looks again until it is over. */
  async #follow(
    work: DagPlace,
    target: DeployTargetName,
    wanted: Pick<WantedDeployment, 'machine' | 'config' | 'trainer'>,
  ): Promise<JsonObject> {
    const before = await this.#parts.made.madeFor(work.jobId);
    const job = before === undefined || mayBeMadeAgain(before) ? await this.#make(work, target, wanted) : before;
    if (!isOver(job.state)) throw new RunLater(this.#parts.lookMs ?? 5_000, `The training job is ${job.state}.`);
    if (job.state === 'completed') return { training_job_id: job.id, target, attempts: job.attempt };
    throw new PermanentFailure(failure(job));
  }

  async #make(
    work: DagPlace,
    target: DeployTargetName,
    wanted: Pick<WantedDeployment, 'machine' | 'config' | 'trainer'>,
  ): Promise<TrainingJob> {
    const { userId, jobId, payload } = work;
    const datasetId = await this.#parts.streams.locate(userId, payload.dataset);
    const config = { ...wanted.config, work_id: jobId, found: payload.results };
    const all = { ...wanted, userId, datasetId, config, environment: {}, policy: {} };
    try {
      return await this.#deploy(target, all);
    } catch (error) {
      throw error instanceof LongshoreError && !PASSING.has(error.code) ? new PermanentFailure(error) : error;
    }
  }

  async #deploy(name: DeployTargetName, wanted: WantedDeployment): Promise<TrainingJob> {
    const { deployer, targets } = this.#parts;
    const by: Record<DeployTargetName, () => Promise<{ job: TrainingJob }>> = {
      local: () => deployer.deploy(targets.local, wanted),
      runpod: () => deployer.deploy(targets.runpod, wanted),
      lambda: () => deployer.deploy(targets.lambda, wanted),
      sagemaker: () => deployer.deploy(targets.sagemaker, wanted),
    };
    return (await by[name]()).job;
  }
}

/** It never ran: no machine was free, or nobody heard of it. */
function mayBeMadeAgain({ state, error }: TrainingJob): boolean {
  return state === 'failed' && error?.stage === 'launch' && PASSING.has(error.code);
}

function failure({ id, state, error }: TrainingJob): LongshoreError {
  const why = error === null ? '' : ` ${error.message}`;
  return new LongshoreError('training_failed', `The training job ${id} is ${state}.${why}`, {
    hint: error?.hint ?? 'See GET /api/training/jobs/{id}/events.',
  });
}
