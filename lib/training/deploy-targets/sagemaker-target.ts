/**
 * SageMaker training jobs (docs.aws.amazon.com/sagemaker/latest/APIReference, 2026). Facts of it that shape this file: the
 * name of a training job is taken for ever, so that creating it twice is refused and finding it again is easy; the bucket
 * and the job must be in one region; the job reads under the user's own role, in the user's own account; arguments of a
 * container are at most 256 characters, without line ends, and there are at most 100 of them.
 */
import type { JsonObject } from '@/lib/db/schema.ts';
import { regionOf, type Secret } from '@/lib/secrets/secrets.types.ts';
import { bootstrapScript } from './bootstrap.ts';
import {
  type DeployPlan,
  type DeployTarget,
  type LaunchDataset,
  type LaunchRequest,
  MASK,
  type Offer,
  type RemoteMachine,
  type RemotePhase,
  type RemoteReference,
  type RemoteStatus,
} from './deploy-target.ts';
import { maskedWorker, secretsOf } from './pod-environment.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { ProviderError, providerWords } from './provider-error.ts';
import { textOf } from './provider-gate.ts';
import type { SagemakerApi, SagemakerReply } from './sagemaker-api.ts';
import { copyCheck, regionChecks, roleCheck, roleRequired } from './sagemaker-checks.ts';
import { regionFor, type SagemakerOptions, sagemakerOptions } from './sagemaker-options.ts';
import { accountOf, type SecretSource } from './target-accounts.ts';

const TITLE = 'AWS';
const GB = 1e9;
const ARGUMENT_CHARACTERS = 256;

export class SagemakerTarget implements DeployTarget<SagemakerOptions> {
  readonly name = 'sagemaker';
  readonly provider = 'aws';
  readonly #api: SagemakerApi;
  readonly #secrets: SecretSource;

  constructor(parts: { api: SagemakerApi; secrets: SecretSource }) {
    this.#api = parts.api;
    this.#secrets = parts.secrets;
  }

  options(given: JsonObject): SagemakerOptions {
    return sagemakerOptions.parse(given);
  }

  diskBytes({ volume_gb }: SagemakerOptions): number {
    return volume_gb * GB;
  }

  regionOf({ region }: SagemakerOptions): string | undefined {
    return region;
  }

  callsBack({ runs }: SagemakerOptions): boolean {
    return runs === 'worker';
  }

  async checks(userId: string, options: SagemakerOptions, dataset: LaunchDataset): Promise<PreflightCheck[]> {
    const secret = await this.#secrets.getSecret(userId, 'aws');
    if (secret === undefined) return [];
    return [roleCheck(options, secret), copyCheck(options, dataset), ...regionChecks(options, secret, dataset)];
  }

  async plan(request: LaunchRequest<SagemakerOptions>): Promise<DeployPlan> {
    const secret = await this.#account(request.userId);
    const body = trainingJob({ ...request, worker: maskedWorker(request.worker) }, secret);
    const headers = { ...this.#api.headersOf('CreateTrainingJob'), authorization: `AWS4-HMAC-SHA256 ${MASK}` };
    const { href } = this.#api.urlOf(regionFor(request.options, secret));
    const notes = ['The training job is stopped when the job here ends.', dataNote(request)];
    return { name: request.name, requests: [{ method: 'POST', url: href, headers, body }], notes };
  }

  async launch(request: LaunchRequest<SagemakerOptions>, signal?: AbortSignal): Promise<RemoteMachine> {
    const secret = await this.#account(request.userId);
    const region = regionFor(request.options, secret);
    const body = trainingJob(request, secret);
    const reply = await this.#api.call(secret, { operation: 'CreateTrainingJob', region, body, signal });
    // The name was made for this start alone: who has it is what an unheard request made.
    if (!reply.ok && reply.code !== 'ResourceInUse') throw refusal(reply, request);
    return {
      id: request.name,
      region,
      state: 'InProgress',
      consoleUrl: `https://${region}.console.aws.amazon.com/sagemaker/home?region=${region}#/jobs/${request.name}`,
      logUrl: logUrl(region, request.name),
      costUsdPerHour: undefined,
    };
  }

  async describe(remote: RemoteReference, signal?: AbortSignal): Promise<RemoteStatus> {
    const { reply } = await this.#describe(remote, signal);
    if (isAbsent(reply)) return { phase: 'gone', state: 'none', reason: undefined, costUsdPerHour: 0 };
    if (!reply.ok) throw refusal(reply);
    const secondary = textOf(reply.body, 'SecondaryStatus');
    return {
      phase: phaseOf(textOf(reply.body, 'TrainingJobStatus'), secondary),
      state: secondary ?? textOf(reply.body, 'TrainingJobStatus') ?? 'unknown',
      reason: providerWords(textOf(reply.body, 'FailureReason'), []) || undefined,
      costUsdPerHour: undefined,
    };
  }

  async end(remote: RemoteReference, signal?: AbortSignal): Promise<'gone' | 'ending'> {
    const { phase } = await this.describe(remote, signal);
    if (phase === 'stopping') return 'ending';
    if (phase !== 'starting' && phase !== 'running') return 'gone';
    const secret = await this.#account(remote.userId);
    const body = { TrainingJobName: remote.id ?? remote.name };
    const region = remote.region ?? regionOf(secret.metadata.aws);
    const reply = await this.#api.call(secret, { operation: 'StopTrainingJob', region, body, signal });
    // It may have ended by itself between the two questions; the next look tells.
    if (!reply.ok && reply.code !== 'ValidationException') throw refusal(reply);
    return 'ending';
  }

  /** SageMaker has no list of prices. */
  async offers(): Promise<Offer[]> {
    return [];
  }

  #account(userId: string): Promise<Secret<'aws'>> {
    return accountOf(this.#secrets, userId, { provider: 'aws', title: TITLE });
  }

  async #describe(remote: RemoteReference, signal?: AbortSignal): Promise<{ reply: SagemakerReply }> {
    const secret = await this.#account(remote.userId);
    const region = remote.region ?? regionOf(secret.metadata.aws);
    const body = { TrainingJobName: remote.id ?? remote.name };
    return { reply: await this.#api.call(secret, { operation: 'DescribeTrainingJob', region, body, signal }) };
  }
}

/** CreateTrainingJob. What the container is given differs by who trains in it: our worker, or the image itself. */
function trainingJob(request: LaunchRequest<SagemakerOptions>, secret: Secret<'aws'>): JsonObject {
  const { name, options, dataset, userId } = request;
  const { aws } = secret.metadata;
  const role = options.role_arn ?? aws.sagemaker_role_arn;
  if (role === undefined) throw roleRequired();
  const longest = options.max_runtime_seconds;
  return {
    TrainingJobName: name,
    RoleArn: role,
    AlgorithmSpecification: algorithm(request),
    ...(dataset.s3 === undefined ? {} : { InputDataConfig: [channel(dataset.s3, options)] }),
    OutputDataConfig: { S3OutputPath: `s3://${aws.s3_bucket}/${userId}/training` },
    ResourceConfig: { InstanceType: options.instance_type, InstanceCount: 1, VolumeSizeInGB: options.volume_gb },
    StoppingCondition: {
      MaxRuntimeInSeconds: longest,
      ...(options.spot ? { MaxWaitTimeInSeconds: 2 * longest } : {}),
    },
    ...(options.spot ? { EnableManagedSpotTraining: true } : {}),
    ...(Object.keys(options.hyperparameters).length === 0 ? {} : { HyperParameters: options.hyperparameters }),
    Environment: environment(request),
  };
}

/** Where SageMaker mounts the channel, and where the volume is. */
const CHANNEL_FOLDER = '/opt/ml/input/data/train';
const WORK_FOLDER = '/opt/ml/longshore';

function algorithm({ options, worker, dataset }: LaunchRequest<SagemakerOptions>): JsonObject {
  const image = { TrainingImage: options.image, TrainingInputMode: 'File' };
  if (options.runs === 'image') return image;
  const given = dataset.s3 === undefined ? [] : ['--dataset-file', CHANNEL_FOLDER];
  const args = ['--work-dir', WORK_FOLDER, ...given];
  const code = Buffer.from(bootstrapScript(worker.sha256, args)).toString('base64');
  const pieces = code.match(new RegExp(`.{1,${ARGUMENT_CHARACTERS}}`, 'g')) ?? [];
  const join = 'import base64,sys;exec(base64.b64decode("".join(sys.argv[1:])))';
  return { ...image, ContainerEntrypoint: ['python3', '-c', join], ContainerArguments: pieces };
}

/** The worker verifies and unpacks as it reads, so that for it the channel is only mounted: nothing lies there twice. */
function channel(s3: NonNullable<LaunchRequest<SagemakerOptions>['dataset']['s3']>, options: SagemakerOptions) {
  return {
    ChannelName: 'train',
    DataSource: {
      S3DataSource: {
        S3DataType: 'S3Prefix',
        S3Uri: `s3://${s3.bucket}/${s3.key}`,
        S3DataDistributionType: 'FullyReplicated',
      },
    },
    ContentType: 'application/x-jsonlines',
    CompressionType: 'None',
    InputMode: options.runs === 'worker' ? 'FastFile' : 'File',
  };
}

/** An image that trains by itself asks Longshore for nothing, so it gets no token. */
function environment({ options, worker }: LaunchRequest<SagemakerOptions>): Record<string, string> {
  if (options.runs === 'worker') return { ...worker.environment };
  return Object.fromEntries(Object.entries(worker.environment).filter(([name]) => !name.startsWith('LONGSHORE_')));
}

function dataNote({ dataset, options }: LaunchRequest<SagemakerOptions>): string {
  if (dataset.s3 === undefined) return 'No copy is in your own bucket: the worker reads by short-lived signed URLs.';
  const how = options.runs === 'worker' ? 'is mounted, and read by the worker' : 'is copied to the machine';
  return `s3://${dataset.s3.bucket}/${dataset.s3.key} ${how}.`;
}

/** Where the container's output is shown in CloudWatch. The console writes / as $252F in its fragment. */
function logUrl(region: string, name: string): string {
  const group = encodeURIComponent('/aws/sagemaker/TrainingJobs').replaceAll('%', '$25');
  const filter = encodeURIComponent(`?logStreamNameFilter=${name}/`).replaceAll('%', '$');
  return `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/${group}${filter}`;
}

function phaseOf(status: string | undefined, secondary: string | undefined): RemotePhase {
  if (status === 'Completed') return 'completed';
  if (status === 'Failed') return 'failed';
  if (status === 'Stopped') return 'stopped';
  if (status === 'Stopping') return 'stopping';
  return secondary === 'Training' || secondary === 'Uploading' ? 'running' : 'starting';
}

/** The service answers so, although its reference names ResourceNotFound. */
function isAbsent({ code, message }: SagemakerReply): boolean {
  if (code === 'ResourceNotFound') return true;
  return code === 'ValidationException' && /resource not found/i.test(message ?? '');
}

const KEY_REFUSALS = [
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'ExpiredTokenException',
  'MissingAuthenticationTokenException',
  'InvalidClientTokenId',
];

function refusal(reply: SagemakerReply, request?: LaunchRequest<SagemakerOptions>): ProviderError {
  const { code = `HTTP ${reply.status}`, message } = reply;
  const words = providerWords(message, request === undefined ? [] : secretsOf(request.worker));
  if (KEY_REFUSALS.includes(code)) {
    return new ProviderError('target_key_refused', `AWS does not accept your credentials (${code}).`, {
      hint: 'Test them with POST /api/secrets/aws/test, and store new ones.',
    });
  }
  if (code === 'AccessDeniedException') {
    return new ProviderError('target_forbidden', `Your AWS credentials may not do this: ${words}`, {
      hint: 'Allow sagemaker:CreateTrainingJob, DescribeTrainingJob, StopTrainingJob, and iam:PassRole on the role.',
    });
  }
  if (code === 'ResourceLimitExceeded') {
    return new ProviderError('target_quota', `SageMaker's quota does not allow it: ${words}`, {
      hint: 'Ask for more under Service Quotas, or choose another instance_type.',
    });
  }
  return new ProviderError('target_request_refused', `SageMaker refused the request (${code}): ${words}`, {
    hint: 'Change what the message names: image, role, instance_type, or the bucket’s region.',
  });
}
