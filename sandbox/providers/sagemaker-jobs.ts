export type TrainingJobStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';
export type SecondaryStatus = 'Starting' | 'Downloading' | 'Training' | 'Uploading' | TrainingJobStatus;

/** The members of CreateTrainingJob that the sandbox looks at; others are kept and shown again. */
export interface TrainingJobRequest {
  TrainingJobName: string;
  RoleArn: string;
  AlgorithmSpecification: { TrainingImage?: string; AlgorithmName?: string; TrainingInputMode: string };
  InputDataConfig?: TrainingChannel[];
  OutputDataConfig: { S3OutputPath: string };
  ResourceConfig: { InstanceType: string; InstanceCount: number; VolumeSizeInGB: number };
  StoppingCondition: { MaxRuntimeInSeconds?: number; MaxWaitTimeInSeconds?: number };
  EnableManagedSpotTraining?: boolean;
  HyperParameters?: Record<string, string>;
  Environment?: Record<string, string>;
}

export interface TrainingChannel {
  ChannelName: string;
  DataSource: { S3DataSource?: { S3Uri: string; S3DataType?: string } };
  CompressionType?: string;
  InputMode?: string;
}

export interface TrainingJob {
  request: TrainingJobRequest;
  arn: string;
  status: TrainingJobStatus;
  secondaryStatus: SecondaryStatus;
  failureReason: string | undefined;
  /** Milliseconds since the epoch. */
  createdAt: number;
  transitions: { Status: SecondaryStatus; StartTime: number; EndTime?: number }[];
}

export interface SagemakerJobsOptions {
  now?: () => number;
  /** Instances of a type that the account may use at once. Every type that is not named: 4. */
  quotas?: Record<string, number>;
  /** Called once as a job reaches Training: a test starts its worker here. */
  onTraining?: (job: Readonly<TrainingJob>) => void;
}

const DEFAULT_QUOTA = 4;
const STEPS: SecondaryStatus[] = ['Starting', 'Downloading', 'Training'];

/** The training jobs of one account and region. They move on only when told to, or as the server is asked for them. */
export class SagemakerJobs {
  readonly #jobs = new Map<string, TrainingJob>();
  readonly #now: () => number;
  readonly #quotas: Record<string, number>;
  readonly #onTraining: (job: Readonly<TrainingJob>) => void;

  constructor(options: SagemakerJobsOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#quotas = options.quotas ?? {};
    this.#onTraining = options.onTraining ?? (() => {});
  }

  list(): Readonly<TrainingJob>[] {
    return [...this.#jobs.values()];
  }

  /** Those that cost money. */
  running(): Readonly<TrainingJob>[] {
    return this.list().filter((job) => job.status === 'InProgress' || job.status === 'Stopping');
  }

  find(name: string): Readonly<TrainingJob> | undefined {
    return this.#jobs.get(name);
  }

  quotaOf(instanceType: string): number {
    return this.#quotas[instanceType] ?? DEFAULT_QUOTA;
  }

  usageOf(instanceType: string): number {
    const jobs = this.running().filter(({ request }) => request.ResourceConfig.InstanceType === instanceType);
    return jobs.reduce((sum, { request }) => sum + request.ResourceConfig.InstanceCount, 0);
  }

  create(request: TrainingJobRequest, arn: string): TrainingJob {
    const now = this.#now();
    const job: TrainingJob = {
      request,
      arn,
      status: 'InProgress',
      secondaryStatus: 'Starting',
      failureReason: undefined,
      createdAt: now,
      transitions: [{ Status: 'Starting', StartTime: now / 1000 }],
    };
    this.#jobs.set(request.TrainingJobName, job);
    return job;
  }

  /** One step: towards Training and no further, or from Stopping to Stopped. */
  advance(name: string): void {
    const job = this.#get(name);
    const next = STEPS[STEPS.indexOf(job.secondaryStatus) + 1];
    if (job.status === 'Stopping') this.finish(name, 'Stopped');
    else if (job.status === 'InProgress' && next !== undefined) this.#step(job, next);
  }

  stop(name: string): void {
    const job = this.#get(name);
    job.status = 'Stopping';
    this.#move(job, 'Stopping');
  }

  /** As the job's own end would. `reason` is what FailureReason tells. */
  finish(name: string, status: 'Completed' | 'Failed' | 'Stopped', reason?: string): void {
    const job = this.#get(name);
    job.status = status;
    job.failureReason = reason;
    this.#move(job, status);
  }

  #step(job: TrainingJob, next: SecondaryStatus): void {
    this.#move(job, next);
    if (next === 'Training') this.#onTraining(job);
  }

  #move(job: TrainingJob, secondary: SecondaryStatus): void {
    const now = this.#now() / 1000;
    const last = job.transitions.at(-1);
    if (last !== undefined) last.EndTime = now;
    job.transitions.push({ Status: secondary, StartTime: now });
    job.secondaryStatus = secondary;
  }

  #get(name: string): TrainingJob {
    const job = this.#jobs.get(name);
    if (job === undefined) throw new Error(`the sandbox has no training job ${name}`);
    return job;
  }
}
