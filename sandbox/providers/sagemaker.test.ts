import { execFile, execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpRequest } from '@smithy/types';
import { afterEach, describe, expect, it } from 'vitest';
import { startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import {
  type SagemakerSandbox,
  type SagemakerSandboxOptions,
  startSagemakerSandbox,
} from './start-sagemaker-sandbox.ts';

let sandbox: SagemakerSandbox;

afterEach(async () => await sandbox.close());

async function start(options: SagemakerSandboxOptions = {}): Promise<void> {
  sandbox = await startSagemakerSandbox(options);
}

class Sha256 {
  readonly #hash;
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(operation: string, input: object, credentials: object = {}, region = 'us-east-1'): Promise<Answer> {
  const { host, hostname, port } = new URL(sandbox.url);
  const { accessKeyId, secretAccessKey } = sandbox;
  const signer = new SignatureV4({
    service: 'sagemaker',
    region,
    sha256: Sha256 as never,
    credentials: { accessKeyId, secretAccessKey, ...credentials },
  });
  const body = JSON.stringify(input);
  const headers = { host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `SageMaker.${operation}` };
  const request = { method: 'POST', protocol: 'http:', hostname, port: Number(port), path: '/', headers, body };
  const signed = await signer.sign(request as HttpRequest);
  const response = await fetch(sandbox.url, { method: 'POST', headers: signed.headers, body });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

function job(more: object = {}): object {
  return {
    TrainingJobName: 'longshore-job-1',
    RoleArn: sandbox.roleArn,
    AlgorithmSpecification: { TrainingImage: '111122223333.dkr.ecr/x:1', TrainingInputMode: 'File' },
    InputDataConfig: [
      { ChannelName: 'train', DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://b/u/' } } },
    ],
    OutputDataConfig: { S3OutputPath: 's3://b/out' },
    ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 1, VolumeSizeInGB: 50 },
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    ...more,
  };
}

const refused = async (answer: Promise<Answer>) => {
  const { status, body } = await answer;
  return [status, body.__type];
};

describe('training jobs', () => {
  it('start, download and train as they are described, and end as they are told', async () => {
    const training: string[] = [];
    await start({ onTraining: ({ request }) => training.push(request.TrainingJobName) });
    const { body } = await call('CreateTrainingJob', job());
    expect(body.TrainingJobArn).toBe('arn:aws:sagemaker:us-east-1:111122223333:training-job/longshore-job-1');
    const describeJob = () => call('DescribeTrainingJob', { TrainingJobName: 'longshore-job-1' });
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await describeJob()).body.SecondaryStatus);
    expect(seen).toEqual(['Starting', 'Downloading', 'Training']);
    expect(training).toEqual(['longshore-job-1']);
    sandbox.jobs.finish('longshore-job-1', 'Failed', 'AlgorithmError: exit code 1');
    expect((await describeJob()).body).toMatchObject({
      TrainingJobStatus: 'Failed',
      FailureReason: 'AlgorithmError: exit code 1',
    });
    expect(await refused(call('StopTrainingJob', { TrainingJobName: 'longshore-job-1' }))).toEqual([
      400,
      'ValidationException',
    ]);
  });

  it('stop in two steps', async () => {
    await start();
    await call('CreateTrainingJob', job());
    expect((await call('StopTrainingJob', { TrainingJobName: 'longshore-job-1' })).status).toBe(200);
    const status = async () =>
      (await call('DescribeTrainingJob', { TrainingJobName: 'longshore-job-1' })).body.TrainingJobStatus;
    expect([await status(), await status()]).toEqual(['Stopping', 'Stopped']);
    expect(sandbox.jobs.running()).toEqual([]);
  });

  it('are refused for what the reference forbids', async () => {
    await start();
    const wrong: object[] = [
      { TrainingJobName: 'under_score' },
      { RoleArn: undefined },
      { RoleArn: 'arn:aws:iam::111122223333:role/unknown' },
      { AlgorithmSpecification: { TrainingInputMode: 'File' } },
      { EnableManagedSpotTraining: true, StoppingCondition: { MaxRuntimeInSeconds: 10, MaxWaitTimeInSeconds: 9 } },
      {
        InputDataConfig: [
          { ChannelName: 'c', CompressionType: 'Gzip', DataSource: { S3DataSource: { S3Uri: 's3://b/k' } } },
        ],
      },
    ];
    for (const more of wrong) {
      expect(await refused(call('CreateTrainingJob', job(more)))).toEqual([400, 'ValidationException']);
    }
    expect(sandbox.jobs.list()).toEqual([]);
  });

  it('are refused for a taken name and for a quota', async () => {
    await start({ quotas: { 'ml.g5.xlarge': 1, 'ml.p4d.24xlarge': 0 } });
    const large = { ResourceConfig: { InstanceType: 'ml.p4d.24xlarge', InstanceCount: 1, VolumeSizeInGB: 50 } };
    expect(await refused(call('CreateTrainingJob', job(large)))).toEqual([400, 'ResourceLimitExceeded']);
    await call('CreateTrainingJob', job());
    expect(await refused(call('CreateTrainingJob', job()))).toEqual([400, 'ResourceInUse']);
    const second = job({ TrainingJobName: 'longshore-job-2' });
    expect(await refused(call('CreateTrainingJob', second))).toEqual([400, 'ResourceLimitExceeded']);
  });

  it('must find their data in a bucket of their own region', async () => {
    const s3 = await startS3Sandbox({ bucket: 'data-bucket' });
    await s3.createBucket('far-bucket', { region: 'eu-west-1' });
    await s3ClientFor(s3).send(new PutObjectCommand({ Bucket: 'data-bucket', Key: 'u/d.jsonl.gz', Body: 'x' }));
    await start({ s3 });
    const from = (S3Uri: string, TrainingJobName: string) =>
      job({ TrainingJobName, InputDataConfig: [{ ChannelName: 'c', DataSource: { S3DataSource: { S3Uri } } }] });
    expect((await call('CreateTrainingJob', from('s3://data-bucket/u/', 'a'))).status).toBe(200);
    for (const uri of ['s3://data-bucket/other/', 's3://far-bucket/u/', 's3://no-bucket/u/']) {
      expect(await refused(call('CreateTrainingJob', from(uri, 'b')))).toEqual([400, 'ValidationException']);
    }
    await s3.close();
  });
});

describe('access', () => {
  it('needs a right key, secret and region', async () => {
    await start();
    const list = (credentials: object, region?: string) => refused(call('ListTrainingJobs', {}, credentials, region));
    expect(await list({ accessKeyId: 'AKIAUNKNOWN' })).toEqual([400, 'UnrecognizedClientException']);
    expect(await list({ secretAccessKey: 'wrong' })).toEqual([403, 'InvalidSignatureException']);
    expect(await list({}, 'eu-west-1')).toEqual([403, 'InvalidSignatureException']);
  });

  it('names the action that is missing, passing the role included', async () => {
    await start({
      users: [
        { name: 'trainer', accessKeyId: 'AKIATRAINER', secretAccessKey: 't', allow: ['sagemaker:CreateTrainingJob'] },
      ],
    });
    const answer = await call('CreateTrainingJob', job(), { accessKeyId: 'AKIATRAINER', secretAccessKey: 't' });
    expect(answer.body).toMatchObject({
      __type: 'AccessDeniedException',
      message: expect.stringContaining('iam:PassRole'),
    });
  });
});

function hasAwsCli(): boolean {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(
      'NOT TESTED: the AWS CLI against the SageMaker sandbox, because there is no `aws` (package awscli)\n',
    );
    return false;
  }
}

describe.runIf(hasAwsCli())('the AWS CLI', () => {
  it('creates, describes and stops a job', async () => {
    await start();
    const env = {
      PATH: process.env.PATH,
      HOME: tmpdir(),
      AWS_ACCESS_KEY_ID: sandbox.accessKeyId,
      AWS_SECRET_ACCESS_KEY: sandbox.secretAccessKey,
      AWS_DEFAULT_REGION: sandbox.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const aws = async (...args: string[]) => {
      const all = ['--endpoint-url', sandbox.url, '--output', 'json', 'sagemaker', ...args];
      return (await promisify(execFile)('aws', all, { env })).stdout;
    };
    await aws('create-training-job', '--cli-input-json', JSON.stringify(job()));
    const described = JSON.parse(await aws('describe-training-job', '--training-job-name', 'longshore-job-1'));
    expect(described).toMatchObject({ TrainingJobStatus: 'InProgress', ResourceConfig: { InstanceCount: 1 } });
    await aws('stop-training-job', '--training-job-name', 'longshore-job-1');
    expect(sandbox.jobs.find('longshore-job-1')?.status).toBe('Stopping');
  }, 120_000);
});
