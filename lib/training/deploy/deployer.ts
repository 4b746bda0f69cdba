import type { Dataset } from '@/lib/datasets/dataset.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type {
  DeployPlan,
  DeployTarget,
  DeployTargetName,
  LaunchDataset,
  LaunchRequest,
  RemoteStatus,
} from '@/lib/training/deploy-targets/deploy-target.ts';
import { MASK, remoteName } from '@/lib/training/deploy-targets/deploy-target.ts';
import { type DeployTargets, targetNamed } from '@/lib/training/deploy-targets/deploy-targets.ts';
import type { PreflightReport } from '@/lib/training/deploy-targets/preflight-check.ts';
import { isUncertain, ProviderError } from '@/lib/training/deploy-targets/provider-error.ts';
import type { RequestKey } from '@/lib/training/jobs/job-keys.ts';
import {
  isJobOver,
  type JobError,
  type JobPolicy,
  jobNotFound,
  type RemoteResource,
  type TrainingJob,
} from '@/lib/training/jobs/training-job.ts';
import type { TrainingJobService } from '@/lib/training/jobs/training-job-service.ts';
import type { Preflight, Trainer } from '@/lib/training/preflight.ts';
import type { WorkerFile } from '@/lib/training/worker-file.ts';
import type { LaunchDatasets } from './launch-datasets.ts';
import { creating, made, referenceOf } from './rented-machine.ts';

export interface WantedDeployment {
  userId: string;
  datasetId: string;
  /** The machine, in the target's own words. */
  machine: JsonObject;
  /** What the worker is told: command, hyperparameters. Kept with the job. */
  config: JsonObject;
  /** Variables for a rented machine: sent to it, and kept nowhere. */
  environment: Readonly<Record<string, string>>;
  trainer: Trainer | undefined;
  policy: Partial<JobPolicy>;
  /** Names the request: repeated, it makes no second job and rents no second machine. */
  requestKey?: RequestKey;
}

export interface DryRun {
  preflight: PreflightReport;
  /** Null where what is missing keeps it from being written down. */
  plan: DeployPlan | null;
}

export interface Deployment {
  job: TrainingJob;
  /** Null where the job was made before, by the same request. */
  preflight: PreflightReport | null;
}

export interface DeployerParts {
  jobs: Pick<
    TrainingJobService,
    'create' | 'madeBefore' | 'get' | 'cancel' | 'starting' | 'observed' | 'settle' | 'workerEnvironment'
  >;
  datasets: LaunchDatasets;
  preflight: Preflight;
  targets: DeployTargets;
  worker(): Promise<WorkerFile>;
  baseUrl: URL;
  now?: () => Date;
}

interface Prepared<Options> {
  options: Options;
  dataset: Dataset;
  launch: LaunchDataset;
  preflight: PreflightReport;
}

const UNATTENDED_SILENCE_MS = 24 * 60 * 60_000;

/** Brings training jobs to where they run. */
export class Deployer {
  readonly #parts: DeployerParts;
  readonly #now: () => Date;

  constructor(parts: DeployerParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /** Everything that would be looked at and sent, and nothing of it done. @throws ZodError, dataset_not_found */
  async dryRun<Options>(target: DeployTarget<Options>, wanted: WantedDeployment): Promise<DryRun> {
    const { options, launch, preflight } = await this.#prepare(target, wanted);
    const job = { id: 'JOB-ID', attempt: 1 };
    const environment = {
      LONGSHORE_URL: this.#parts.baseUrl.origin,
      LONGSHORE_JOB_ID: job.id,
      LONGSHORE_JOB_TOKEN: MASK,
    };
    const request = await this.#request({ ...wanted, options, launch }, job, environment);
    return { preflight, plan: await planned(target, request) };
  }

  /**
   * Makes the job and rents its machine. Where that fails the job has failed with the reason, and whatever was made is
   * ended.
   * A request that was sent before gets the job that it has made, however that fares.
   * @throws the code of the preflight check that failed, ProviderError, and what `create` throws
   */
  async deploy<Options>(target: DeployTarget<Options>, wanted: WantedDeployment): Promise<Deployment> {
    const { requestKey } = wanted;
    const before = requestKey && (await this.#parts.jobs.madeBefore(wanted.userId, requestKey));
    if (before !== undefined) return { job: before, preflight: null };
    const { options, launch, preflight } = await this.#prepare(target, wanted);
    refuseFailed(preflight);
    const { userId, datasetId, environment } = wanted;
    const rented = target.provider !== undefined;
    // Where nobody but the provider speaks for the job, an outage of the provider is no sign of death.
    const patience = target.callsBack(options) ? {} : { heartbeatTimeoutMs: UNATTENDED_SILENCE_MS };
    const job = await this.#parts.jobs.create({
      ...{ userId, datasetId, requestKey, target: target.name, policy: { ...patience, ...wanted.policy } },
      config: this.#config(target, wanted, options),
    });
    if (!rented) return { job, preflight };
    const worker = { ...environment, ...this.#parts.jobs.workerEnvironment(job) };
    const request = await this.#request({ ...wanted, options, launch }, job, worker);
    return { job: await this.#launch(target, job, request), preflight };
  }

  /** The user's job on this target, and what the provider says of its machine now. @throws job_not_found, ProviderError */
  async status(
    userId: string,
    jobId: string,
    name: DeployTargetName,
  ): Promise<{ job: TrainingJob; machine: RemoteStatus | null }> {
    const job = await this.#own(userId, jobId, name);
    const { remote } = job;
    if (remote === null || remote.state === 'ended' || remote.id === undefined) return { job, machine: null };
    const target = targetNamed(this.#parts.targets, remote.provider);
    return { job, machine: await target.describe(referenceOf(job, remote)) };
  }

  /** Ends the job, and its machine. @throws job_not_found, job_state_conflict */
  async cancel(userId: string, jobId: string, name: DeployTargetName): Promise<TrainingJob> {
    const { id } = await this.#own(userId, jobId, name);
    return this.#parts.jobs.cancel(userId, id);
  }

  async #own(userId: string, jobId: string, name: DeployTargetName): Promise<TrainingJob> {
    const job = await this.#parts.jobs.get(userId, jobId);
    if (job.target !== name) throw jobNotFound();
    return job;
  }

  async #prepare<Options>(target: DeployTarget<Options>, wanted: WantedDeployment): Promise<Prepared<Options>> {
    const { userId, datasetId, machine, trainer } = wanted;
    const options = target.options(machine);
    const { dataset, launch } = await this.#parts.datasets.find(userId, datasetId);
    const preflight = await this.#parts.preflight.run({ userId, target, options, dataset, launch, trainer });
    return { options, dataset, launch, preflight };
  }

  async #request<Options>(
    wanted: WantedDeployment & { options: Options; launch: LaunchDataset },
    job: { id: string; attempt: number },
    environment: Readonly<Record<string, string>>,
  ): Promise<LaunchRequest<Options>> {
    const { userId, options, launch } = wanted;
    const { sha256 } = await this.#parts.worker();
    return {
      ...{ userId, options, name: remoteName(job), dataset: launch },
      worker: { environment: { ...wanted.environment, ...environment }, sha256 },
    };
  }

  /** `unattended`: no worker speaks for the job, so that the provider's word counts. */
  #config<Options>(target: DeployTarget<Options>, wanted: WantedDeployment, options: Options): JsonObject {
    const { config, environment, trainer } = wanted;
    if (target.provider === undefined) return { ...config, ...(trainer === undefined ? {} : { trainer }) };
    return {
      ...config,
      ...(trainer === undefined ? {} : { trainer }),
      machine: options,
      environment_names: Object.keys(environment),
      unattended: !target.callsBack(options),
    };
  }

  async #launch<Options>(
    target: DeployTarget<Options>,
    job: TrainingJob,
    request: LaunchRequest<Options>,
  ): Promise<TrainingJob> {
    const before = creating(job, target.regionOf(request.options), this.#now());
    await this.#parts.jobs.starting(job, before);
    const machine = await target.launch(request).catch(async (error: unknown) => {
      await this.#launchFailed(job, before, error);
      throw error;
    });
    // Where the job was cancelled meanwhile this throws, and queues the machine's end.
    return machine === undefined ? job : this.#parts.jobs.starting(job, made(before, machine));
  }

  /** A refusal left nothing behind; of anything else nobody knows, so it is looked for and ended by its name. */
  async #launchFailed(job: TrainingJob, before: RemoteResource, error: unknown): Promise<void> {
    const { jobs } = this.#parts;
    if (!isUncertain(error)) await jobs.observed(job, { ...before, state: 'ended' });
    await jobs.settle(job, { state: 'failed', error: jobError(error) }).catch((fault: unknown) => {
      if (!isJobOver(fault)) throw fault;
    });
  }
}

async function planned<Options>(
  target: DeployTarget<Options>,
  request: LaunchRequest<Options>,
): Promise<DeployPlan | null> {
  try {
    return await target.plan(request);
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}

/** The first check that failed, as the refusal of the whole. */
function refuseFailed(preflight: PreflightReport): void {
  const failed = preflight.checks.find(({ status }) => status === 'failed');
  if (failed === undefined) return;
  throw new LongshoreError(failed.code, failed.message, {
    hint: failed.remedy ?? undefined,
    details: { checks: preflight.checks },
  });
}

function jobError(error: unknown): JobError {
  if (error instanceof LongshoreError) {
    return { code: error.code, message: error.message, hint: error.hint ?? null, stage: 'launch' };
  }
  return {
    code: 'launch_failed',
    message: 'The machine could not be made.',
    hint: 'Deploy it again.',
    stage: 'launch',
  };
}
