import { afterEach, describe, expect, it } from 'vitest';
import {
  type SagemakerSandbox,
  type SagemakerSandboxOptions,
  startSagemakerSandbox,
} from '@/sandbox/providers/start-sagemaker-sandbox.ts';
import { DATASET, Outgoing, sagemakerFor, secretsOf, TOKEN, WORKER } from '@/tests/support/deploy-targets.ts';
import { bootstrapScript } from './bootstrap.ts';
import { sagemakerOptions } from './sagemaker-options.ts';

let sandbox: SagemakerSandbox;
let outgoing: Outgoing;
afterEach(async () => await sandbox.close());

const keys = (more: { secret?: string; role?: string | null; access?: string } = {}) => {
  const { role = sandbox.roleArn } = more;
  const aws = {
    secret_access_key: more.secret ?? sandbox.secretAccessKey,
    s3_bucket: 'data-bucket',
    external_id: 'x',
    ...(role === null ? {} : { sagemaker_role_arn: role }),
  };
  return secretsOf({ aws: { api_key: more.access ?? sandbox.accessKeyId, metadata: { aws } } });
};

async function start(options: SagemakerSandboxOptions = {}, account: Parameters<typeof keys>[0] = {}) {
  sandbox = await startSagemakerSandbox(options);
  outgoing = new Outgoing();
  return sagemakerFor(sandbox, keys(account), outgoing);
}

const NAME = 'longshore-0193b2c4-0000-7000-8000-000000000000-1';
const S3 = { bucket: 'data-bucket', key: 'ada/datasets/dataset-1.jsonl.gz', region: 'us-east-1' };
const request = (options: object = {}) => ({
  userId: 'ada',
  name: NAME,
  options: sagemakerOptions.parse({ image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1', ...options }),
  dataset: { ...DATASET, s3: S3 },
  worker: WORKER,
});
const ref = { userId: 'ada', name: NAME, id: NAME, region: 'us-east-1' };

describe('a training job', () => {
  it('reads the dataset by its S3 URI, starts the worker within the limits of arguments, and tells how it goes', async () => {
    const target = await start();
    const machine = await target.launch(request());
    expect(machine.logUrl).toContain('log-group/$252Faws$252Fsagemaker$252FTrainingJobs');
    const sent = sandbox.jobs.find(NAME)?.request;
    expect(sent?.InputDataConfig?.[0]).toMatchObject({
      ChannelName: 'train',
      InputMode: 'FastFile',
      DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${S3.bucket}/${S3.key}` } },
    });
    expect(sent).toMatchObject({ RoleArn: sandbox.roleArn, Environment: WORKER.environment });
    const pieces = (sent?.AlgorithmSpecification as { ContainerArguments?: string[] } | undefined)?.ContainerArguments;
    expect(pieces?.length).toBeLessThanOrEqual(100);
    expect(pieces?.every((piece) => piece.length <= 256 && !piece.includes('\n'))).toBe(true);
    expect(Buffer.from(pieces?.join('') ?? '', 'base64').toString()).toBe(
      bootstrapScript(WORKER.sha256, ['--work-dir', '/opt/ml/longshore', '--dataset-file', '/opt/ml/input/data/train']),
    );
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await target.describe(ref)).phase);
    expect(seen).toEqual(['starting', 'starting', 'running']);
    sandbox.jobs.finish(NAME, 'Failed', 'AlgorithmError: exit code 1');
    expect(await target.describe(ref)).toMatchObject({ phase: 'failed', reason: 'AlgorithmError: exit code 1' });
    expect(await target.end(ref)).toBe('gone');
  });

  it('gives an image that trains by itself the channel and no token', async () => {
    const target = await start();
    await target.launch(request({ runs: 'image', spot: true, hyperparameters: { epochs: '3' } }));
    const sent = sandbox.jobs.find(NAME)?.request;
    expect(sent).toMatchObject({ EnableManagedSpotTraining: true, HyperParameters: { epochs: '3' } });
    expect(sent?.InputDataConfig?.[0]?.InputMode).toBe('File');
    expect(sent?.Environment).toEqual({ HF_TOKEN: 'hf_theUsersOwnToken00' });
    expect(sent?.AlgorithmSpecification).not.toHaveProperty('ContainerEntrypoint');
  });

  it('is stopped until it has stopped; one that never was is gone', async () => {
    const target = await start();
    await target.launch(request());
    const ends = [];
    for (let i = 0; i < 4; i += 1) ends.push(await target.end(ref));
    expect(ends).toEqual(['ending', 'ending', 'gone', 'gone']);
    expect(await target.end({ ...ref, id: undefined, name: 'longshore-never-made' })).toBe('gone');
    expect(sandbox.jobs.running()).toEqual([]);
  });

  it('is planned as it would be sent, without what is secret', async () => {
    const target = await start();
    const plan = await target.plan(request());
    expect(outgoing.requests).toEqual([]);
    expect(plan.requests[0]?.headers).toMatchObject({ 'x-amz-target': 'SageMaker.CreateTrainingJob' });
    for (const secret of [TOKEN, 'hf_theUsersOwnToken00', sandbox.secretAccessKey])
      expect(JSON.stringify(plan)).not.toContain(secret);
  });
});

describe('a creation', () => {
  it.each([
    ['an error', { kind: 'status', status: 500, when: 'after' } as const],
    ['a lost connection', { kind: 'reset', when: 'after' } as const],
    ['silence', { kind: 'stall', when: 'after' } as const],
  ])('that ends in %s after it was done is the same job when it is repeated', async (_what, action) => {
    const target = await start();
    sandbox.faults.add({ operation: 'CreateTrainingJob', times: 1, action });
    expect(await target.launch(request())).toMatchObject({ id: NAME });
    expect(sandbox.jobs.list()).toHaveLength(1);
  });

  it('is slowed down when SageMaker says so', async () => {
    const target = await start();
    const action = { kind: 'status', status: 400, code: 'ThrottlingException' } as const;
    sandbox.faults.add({ operation: 'CreateTrainingJob', times: 1, action });
    await target.launch(request());
    expect(sandbox.log.list('CreateTrainingJob')).toHaveLength(2);
  });

  it.each([
    ['an unknown key', {}, { access: 'AKIAUNKNOWN' }, {}, 'target_key_refused'],
    ['a wrong secret', {}, { secret: 'wrong' }, {}, 'target_key_refused'],
    ['its quota', { quotas: { 'ml.g5.xlarge': 0 } }, {}, {}, 'target_quota'],
    ['no role', {}, { role: null }, {}, 'target_role_required'],
    ['an unknown role', {}, { role: 'arn:aws:iam::111122223333:role/none' }, {}, 'target_request_refused'],
    ['another region than signed for', { region: 'eu-west-1' }, {}, {}, 'target_key_refused'],
  ])('is refused for %s', async (_what, options, account, wanted, code) => {
    const target = await start(options, account);
    await expect(target.launch(request(wanted))).rejects.toMatchObject({
      code,
      uncertain: false,
      hint: expect.any(String),
    });
    expect(sandbox.jobs.list()).toEqual([]);
  });

  it('names the permission that is missing', async () => {
    const user = {
      name: 'few',
      accessKeyId: 'AKIAFEW',
      secretAccessKey: 'few',
      allow: ['sagemaker:CreateTrainingJob'],
    };
    const target = await start({ users: [user] }, { access: 'AKIAFEW', secret: 'few' });
    await expect(target.launch(request())).rejects.toMatchObject({
      code: 'target_forbidden',
      message: expect.stringContaining('iam:PassRole'),
    });
  });

  it('that was never answered is uncertain, and ended by its name', async () => {
    const target = await start();
    const fault = sandbox.faults.add({ operation: 'CreateTrainingJob', action: { kind: 'reset', when: 'after' } });
    await expect(target.launch(request())).rejects.toMatchObject({ code: 'target_unavailable', uncertain: true });
    sandbox.faults.remove(fault);
    expect(sandbox.jobs.running()).toHaveLength(1);
    expect(await target.end({ ...ref, id: undefined })).toBe('ending');
    expect(sandbox.jobs.list()).toMatchObject([{ status: 'Stopping' }]);
  });

  it('says whom it could not ask', async () => {
    const target = await start();
    await sandbox.stop();
    await expect(target.launch(request())).rejects.toMatchObject({ code: 'target_unavailable', uncertain: false });
    await sandbox.start();
  });
});
