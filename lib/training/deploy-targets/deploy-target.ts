import type { JsonObject } from '@/lib/db/schema.ts';
import type { SecretProvider } from '@/lib/secrets/secrets.types.ts';
import type { PreflightCheck } from './preflight-check.ts';

export const DEPLOY_TARGETS = ['local', 'runpod', 'lambda', 'sagemaker'] as const;
export type DeployTargetName = (typeof DEPLOY_TARGETS)[number];

/** A copy of the dataset that the user's own account can read by itself. */
export interface S3Source {
  bucket: string;
  key: string;
  region: string;
}

/** What is known of the dataset before it is fetched. Null where it is from before Longshore and not yet indexed. */
export interface LaunchDataset {
  id: string;
  kind: string | null;
  objectSizeBytes: number | null;
  contentSizeBytes: number | null;
  /** The verified copy in the user's own bucket; undefined where there is none. */
  s3: S3Source | undefined;
  /** There is a copy in some bucket, the installation's included. */
  inS3: boolean;
}

/**
 * How a machine becomes the job's worker: `environment` is everything that it is given, the job's token and what the
 * user adds included. Lives in memory only.
 */
export interface WorkerStart {
  environment: Readonly<Record<string, string>>;
  /** Of the worker file that the machine fetches: it runs this one and no other. */
  sha256: string;
}

/** One start of a job, as a target is asked for it. */
export interface LaunchRequest<Options> {
  userId: string;
  /** Made from the job's id and attempt, and unlike any other: what was made is found again by it. */
  name: string;
  options: Options;
  dataset: LaunchDataset;
  worker: WorkerStart;
}

/** Where something lives at a provider: enough to find it again by name or id. Holds no secret. */
export interface RemoteReference {
  userId: string;
  name: string;
  /** Undefined while nobody knows whether it was made. */
  id: string | undefined;
  region: string | undefined;
}

/** What a provider rents out. */
export interface RemoteMachine {
  id: string;
  region: string | undefined;
  /** The provider's own word for what it is doing. */
  state: string;
  consoleUrl: string | undefined;
  logUrl: string | undefined;
  costUsdPerHour: number | undefined;
}

/**
 * starting, running, stopping: it is there and costs money. completed, failed, stopped: it is over by its own account.
 * gone: the provider does not know it (any more).
 */
export type RemotePhase = 'starting' | 'running' | 'stopping' | 'completed' | 'failed' | 'stopped' | 'gone';

export interface RemoteStatus {
  phase: RemotePhase;
  /** The provider's own word. */
  state: string;
  /** Why it is over, in the provider's words, where it says so. */
  reason: string | undefined;
  costUsdPerHour: number | undefined;
}

/** A request as it would be sent, with every secret replaced: the dry run. */
export interface PlannedRequest {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

export interface DeployPlan {
  name: string;
  /** In this order. Empty where nothing is sent. */
  requests: readonly PlannedRequest[];
  /** What is to be known of it, one sentence each. */
  notes: readonly string[];
}

/** A size of machine, as the provider offers it now. */
export interface Offer {
  id: string;
  title: string;
  gpus: number;
  gpuMemoryGb: number | null;
  /** US dollars; null where the provider does not say. */
  usdPerHour: number | null;
  /** Regions with a free one; null where the provider does not say. */
  regions: readonly string[] | null;
  available: boolean | null;
}

/**
 * Where a training job may run. Every method may be called again at any time.
 *
 * Failures are ProviderError, whose `uncertain` tells whether the thing may have happened all the same.
 */
export interface DeployTarget<Options = unknown> {
  readonly name: DeployTargetName;
  /** Whose credentials it takes; undefined: none. */
  readonly provider: SecretProvider | undefined;
  /** Checks what a request says about the machine, and fills in defaults. Throws ZodError. */
  options(given: JsonObject): Options;
  /** Free bytes on the machine's disk; undefined where it depends on the machine. */
  diskBytes(options: Options): number | undefined;
  /** Where the machine will be; undefined: where the user's account says, or wherever one is free. */
  regionOf(options: Options): string | undefined;
  /** False where the machine asks Longshore for nothing. */
  callsBack(options: Options): boolean;
  /** What only this target has to look at before anything is rented. Asks nobody. */
  checks(userId: string, options: Options, dataset: LaunchDataset): Promise<PreflightCheck[]>;
  /** Sends nothing. @throws target_secret_missing */
  plan(request: LaunchRequest<Options>): Promise<DeployPlan>;
  /**
   * Makes the machine. A creation whose answer is lost is looked for by its name before it counts as failed. Undefined:
   * nothing is rented, the job waits for an agent.
   */
  launch(request: LaunchRequest<Options>, signal?: AbortSignal): Promise<RemoteMachine | undefined>;
  describe(remote: RemoteReference, signal?: AbortSignal): Promise<RemoteStatus>;
  /**
   * Ends it, and everything of that name where its id is unknown. Gone is a success. `ending`: it was told to, and is
   * still there: ask again.
   */
  end(remote: RemoteReference, signal?: AbortSignal): Promise<'gone' | 'ending'>;
  /** Sizes and prices, where the provider's API gives them. */
  offers(userId: string, signal?: AbortSignal): Promise<Offer[]>;
}

/** By this name a machine is found whose creation was never answered. At most 63 characters of a to z, 0 to 9 and -. */
export function remoteName(job: { id: string; attempt: number }): string {
  return `longshore-${job.id}-${job.attempt}`;
}

export const MASK = '***';
