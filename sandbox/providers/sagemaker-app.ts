/**
 * Training jobs of Amazon SageMaker (AWS JSON 1.1, `X-Amz-Target: SageMaker.<operation>`), after the public API
 * reference docs.aws.amazon.com/sagemaker/latest/APIReference as of 2026: CreateTrainingJob, DescribeTrainingJob,
 * StopTrainingJob, ListTrainingJobs. A job that is not there answers ValidationException "Requested resource not
 * found.", as the service does, although the reference names ResourceNotFound.
 */
import { type Exchange, type Reply, readAll, type SandboxApp, type Target } from '@/sandbox/exchange.ts';
import { authenticate } from '@/sandbox/s3/authenticate.ts';
import { denialMessage, type Identities, type Identity, isAllowed } from '@/sandbox/s3/identities.ts';
import { S3Error } from '@/sandbox/s3/s3-error.ts';
import { sha256Hex } from '@/sandbox/s3/sigv4.ts';
import { SagemakerError } from './sagemaker-error.ts';
import type { SagemakerJobs, TrainingJob, TrainingJobRequest } from './sagemaker-jobs.ts';
import { invalid, readTrainingJobRequest } from './sagemaker-request.ts';

const MAX_BODY_BYTES = 1 << 20;

export interface SagemakerEnvironment {
  jobs: SagemakerJobs;
  identities: Identities;
  region: string;
  now: () => number;
  advanceOnRead: boolean;
  /** Whether an object or a prefix is there for the role; undefined where nobody can tell. */
  s3Has: ((bucket: string, prefix: string) => boolean) | undefined;
}

type Body = Record<string, unknown>;

export class SagemakerApp implements SandboxApp {
  readonly #environment: SagemakerEnvironment;

  constructor(environment: SagemakerEnvironment) {
    this.#environment = environment;
  }

  operationOf({ headers }: Target): string {
    return String(headers['x-amz-target'] ?? '').replace(/^SageMaker\./, '') || 'unknown';
  }

  async handle(exchange: Exchange): Promise<Reply> {
    try {
      const text = (await readAll(exchange.body, MAX_BODY_BYTES)).toString();
      const identity = this.#signer(exchange, text);
      return json(this.#dispatch(exchange.operation, parse(text), identity));
    } catch (error) {
      if (error instanceof SagemakerError) return refusal(error);
      throw error;
    }
  }

  refuse(_exchange: Exchange, fault: { status: number; code?: string; message?: string }): Reply {
    const code = fault.code ?? (fault.status >= 500 ? 'InternalFailure' : 'ThrottlingException');
    return refusal(new SagemakerError(code, fault.message ?? 'injected by the sandbox', fault.status));
  }

  #signer(exchange: Exchange, text: string): Identity {
    const { identities, now } = this.#environment;
    const headers = { ...exchange.headers, 'x-amz-content-sha256': sha256Hex(text) };
    const { method, path, rawQuery, query } = exchange;
    try {
      const request = { method, path, rawQuery, headers };
      const { identity, claim } = authenticate(request, query, { identities, now, service: 'sagemaker' });
      if (claim.region === this.#environment.region) return identity;
      throw new SagemakerError('InvalidSignatureException', `Credential should be scoped to a valid region.`, 403);
    } catch (error) {
      throw error instanceof S3Error ? asAwsJson(error) : error;
    }
  }

  #dispatch(operation: string, body: Body, identity: Identity): unknown {
    switch (operation) {
      case 'CreateTrainingJob':
        return this.#create(body, identity);
      case 'DescribeTrainingJob':
        return this.#describe(this.#named(body, identity, operation));
      case 'StopTrainingJob':
        return this.#stop(this.#named(body, identity, operation));
      case 'ListTrainingJobs':
        return this.#list(body, identity);
      default:
        throw new SagemakerError('UnknownOperationException', `unknown operation ${operation}`);
    }
  }

  #allow(identity: Identity, action: string, resource: string): void {
    const question = { action, resource };
    if (isAllowed(identity, question)) return;
    throw new SagemakerError('AccessDeniedException', denialMessage(identity, question));
  }

  #arn(identity: Identity, name: string): string {
    return `arn:aws:sagemaker:${this.#environment.region}:${identity.accountId}:training-job/${name.toLowerCase()}`;
  }

  #create(body: Body, identity: Identity): unknown {
    const request = readTrainingJobRequest(body);
    const arn = this.#arn(identity, request.TrainingJobName);
    this.#allow(identity, 'sagemaker:CreateTrainingJob', arn);
    this.#allow(identity, 'iam:PassRole', request.RoleArn);
    this.#checkRole(request.RoleArn);
    this.#checkFree(request.TrainingJobName, arn);
    this.#checkQuota(request);
    this.#checkInputs(request);
    this.#environment.jobs.create(request, arn);
    return { TrainingJobArn: arn };
  }

  #checkRole(roleArn: string): void {
    if (this.#environment.identities.role(roleArn) !== undefined) return;
    throw invalid(
      `Could not assume role ${roleArn}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.`,
    );
  }

  #checkFree(name: string, arn: string): void {
    if (this.#environment.jobs.find(name) === undefined) return;
    throw new SagemakerError(
      'ResourceInUse',
      `Training job names must be unique within an AWS account and region, and a training job with this name already exists (${arn})`,
    );
  }

  #checkQuota({ ResourceConfig: { InstanceType: type, InstanceCount: count } }: TrainingJobRequest): void {
    const [quota, usage] = [this.#environment.jobs.quotaOf(type), this.#environment.jobs.usageOf(type)];
    if (usage + count <= quota) return;
    throw new SagemakerError(
      'ResourceLimitExceeded',
      `The account-level service limit '${type} for training job usage' is ${quota} Instances, with current utilization of ${usage} Instances and a request delta of ${count} Instances. Please use AWS Service Quotas to request an increase for this quota.`,
    );
  }

  #checkInputs(request: TrainingJobRequest): void {
    const { s3Has, region } = this.#environment;
    for (const { DataSource } of request.InputDataConfig ?? []) {
      const uri = DataSource.S3DataSource?.S3Uri ?? '';
      const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri);
      if (match !== null && s3Has?.(match[1] ?? '', match[2] ?? '') !== false) continue;
      throw invalid(
        `No S3 objects found under S3 URL "${uri}" given in input data source. Please ensure that the bucket exists in the selected region (${region}), that objects exist under that S3 prefix, and that the role "${request.RoleArn}" has "s3:ListBucket" permissions on bucket "${match?.[1] ?? ''}".`,
      );
    }
  }

  #named(body: Body, identity: Identity, operation: string): Readonly<TrainingJob> {
    const name = String(body.TrainingJobName ?? '');
    this.#allow(identity, `sagemaker:${operation}`, this.#arn(identity, name));
    const job = this.#environment.jobs.find(name);
    if (job === undefined) throw invalid('Requested resource not found.');
    return job;
  }

  #stop(job: Readonly<TrainingJob>): unknown {
    if (job.status !== 'InProgress') {
      throw invalid(`The request was rejected because the training job is in status ${job.status}.`);
    }
    this.#environment.jobs.stop(job.request.TrainingJobName);
    return undefined;
  }

  #describe(job: Readonly<TrainingJob>): unknown {
    const shown = show(job);
    if (this.#environment.advanceOnRead) this.#environment.jobs.advance(job.request.TrainingJobName);
    return shown;
  }

  #list(body: Body, identity: Identity): unknown {
    this.#allow(identity, 'sagemaker:ListTrainingJobs', '*');
    const part = String(body.NameContains ?? '');
    const found = this.#environment.jobs.list().filter(({ request }) => request.TrainingJobName.includes(part));
    const TrainingJobSummaries = found.map((job) => ({
      TrainingJobName: job.request.TrainingJobName,
      TrainingJobArn: job.arn,
      TrainingJobStatus: job.status,
      CreationTime: job.createdAt / 1000,
    }));
    return { TrainingJobSummaries };
  }
}

function show(job: Readonly<TrainingJob>): unknown {
  const { request } = job;
  const done = job.status === 'Completed' || job.status === 'Stopped';
  const S3ModelArtifacts = `${request.OutputDataConfig.S3OutputPath}/${request.TrainingJobName}/output/model.tar.gz`;
  return {
    ...request,
    TrainingJobArn: job.arn,
    TrainingJobStatus: job.status,
    SecondaryStatus: job.secondaryStatus,
    FailureReason: job.failureReason,
    CreationTime: job.createdAt / 1000,
    LastModifiedTime: job.transitions.at(-1)?.StartTime,
    SecondaryStatusTransitions: job.transitions,
    ...(done ? { ModelArtifacts: { S3ModelArtifacts } } : {}),
  };
}

/** The same refusals by the names that AWS JSON services have for them. */
function asAwsJson(error: S3Error): SagemakerError {
  const token = 'The security token included in the request is';
  switch (error.code) {
    case 'InvalidAccessKeyId':
    case 'InvalidToken':
      return new SagemakerError('UnrecognizedClientException', `${token} invalid.`);
    case 'ExpiredToken':
      return new SagemakerError('ExpiredTokenException', `${token} expired`);
    case 'AccessDenied':
      return new SagemakerError('MissingAuthenticationTokenException', 'Missing Authentication Token');
    case 'RequestTimeTooSkewed':
      return new SagemakerError('InvalidSignatureException', `Signature expired: ${error.fields.RequestTime}`, 403);
    default:
      return new SagemakerError('InvalidSignatureException', error.message, 403);
  }
}

function parse(text: string): Body {
  try {
    return text === '' ? {} : (JSON.parse(text) as Body);
  } catch {
    throw new SagemakerError('SerializationException', 'the body is not JSON');
  }
}

function json(body: unknown): Reply {
  const text = body === undefined ? '' : JSON.stringify(body);
  return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: text };
}

function refusal({ code, message, status }: SagemakerError): Reply {
  const headers = { 'content-type': 'application/x-amz-json-1.1' };
  return { status, headers, body: JSON.stringify({ __type: code, message }) };
}
