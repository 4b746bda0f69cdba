import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsDoctor, type AwsDoctorOptions } from '@/lib/secrets/doctor/aws-doctor.ts';
import type { CheckResult, DoctorReport } from '@/lib/secrets/doctor/report.ts';
import { leastPrivilegePolicy } from '@/lib/secrets/policies.ts';
import type { AWSMetadata, SecretContents } from '@/lib/secrets/secrets.types.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';

const USER = 'user-1';
const guard = new EndpointGuard({ allowPrivateEndpoints: true });
let sandbox: S3Sandbox;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
});
afterAll(async () => {
  guard.close();
  await sandbox.close();
});

function doctor(changes: Partial<AwsDoctorOptions> = {}): AwsDoctor {
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  return new AwsDoctor({
    send: (call) => client.send(call),
    now: () => new Date(),
    platform: undefined,
    allowPlainHttp: true,
    ...changes,
  });
}

type Content = SecretContents['aws'];

function content(changes: Partial<AWSMetadata> = {}, apiKey: string | undefined = sandbox.accessKeyId): Content {
  const aws: AWSMetadata = {
    secret_access_key: sandbox.secretAccessKey,
    s3_bucket: sandbox.bucket,
    endpoint: sandbox.url,
    external_id: 'longshore-x',
    ...changes,
  };
  return { api_key: apiKey, metadata: { aws } };
}

let users = 0;
/** A user of the sandbox who may do everything but `deny`, or nothing but `allow`. */
function userWith(rights: { deny?: string[]; allow?: string[] }): Content {
  users += 1;
  const user = {
    name: `u${users}`,
    accessKeyId: `AKIATESTUSER${users}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
  sandbox.identities.addUser({ ...user, ...rights });
  return content({ secret_access_key: user.secretAccessKey }, user.accessKeyId);
}

const check = (report: DoctorReport, id: string): CheckResult | undefined => report.checks.find((c) => c.id === id);
const failedIds = (report: DoctorReport) => report.checks.filter((c) => c.status === 'failed').map((c) => c.id);
const leftIn = (bucket = sandbox.bucket) => ({
  keys: sandbox.objects.keys(bucket),
  uploads: sandbox.objects.unfinishedUploads(bucket).length,
});
const NOTHING = { keys: [], uploads: 0 };

describe('AwsDoctor', () => {
  it('finds everything well with full rights, in the order of the checks, and leaves nothing', async () => {
    const report = await doctor().examine(content(), USER);
    expect(report.checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'endpoint ok',
      'clock ok',
      'credentials ok',
      'role skipped',
      'bucket ok',
      'list ok',
      'region ok',
      'put ok',
      'head ok',
      'get_range ok',
      'multipart ok',
      'abort ok',
      'presign ok',
      'public_access ok',
      'delete ok',
      'versioning ok',
      'cleanup ok',
    ]);
    expect(report).toMatchObject({ subject: 'aws', status: 'ok', suggestions: {} });
    expect(leftIn()).toEqual(NOTHING);
  });

  it('is content with the least-privilege policy that it prints, versions included, and with nothing less', async () => {
    await sandbox.createBucket('versioned', { versioning: true });
    const policy = leastPrivilegePolicy('versioned', USER);
    const grant = (without?: string) => {
      const statements = policy.Statement.map((s) => ({
        ...s,
        Action: [s.Action].flat().filter((a) => a !== without),
      }));
      const aws = userWith({ allow: [] });
      const identity = sandbox.identities.find(aws.api_key ?? '');
      if (identity === undefined) throw new Error('no such user');
      identity.policies = [JSON.parse(JSON.stringify({ Statement: statements }))];
      return { ...aws, metadata: { aws: { ...aws.metadata.aws, s3_bucket: 'versioned' } } };
    };
    const whole = await doctor().examine(grant(), USER);
    expect(failedIds(whole)).toEqual([]);
    for (const action of policy.Statement.flatMap((s) => s.Action)) {
      const report = await doctor().examine(grant(action), USER);
      const missing = report.checks.filter((c) => c.status === 'failed').map((c) => c.action);
      expect([action, missing]).toEqual([action, expect.arrayContaining([action])]);
    }
    expect(sandbox.objects.unfinishedUploads('versioned')).toEqual([]);
  });

  describe('names the action that is missing, and goes on', () => {
    it.each([
      ['s3:ListBucket', ['list', 'head']],
      ['s3:PutObject', ['put']],
      ['s3:GetObject', ['head', 'get_range', 'presign']],
      ['s3:ListMultipartUploadParts', ['multipart']],
      ['s3:AbortMultipartUpload', ['abort']],
      ['s3:GetBucketPublicAccessBlock', ['public_access']],
      ['s3:GetBucketVersioning', ['versioning']],
    ])('%s', async (action, ids) => {
      const report = await doctor().examine(userWith({ deny: [action] }), USER);
      expect(failedIds(report)).toEqual(ids);
      for (const id of ids) expect(check(report, id)).toMatchObject({ code: 'access_denied', action });
      expect(report.status).toBe(action === 's3:GetBucketPublicAccessBlock' ? 'ok' : 'failed');
      expect(leftIn()).toEqual(NOTHING);
    });

    it('s3:DeleteObject, and then leaves one object of a fixed name at the most', async () => {
      const denied = userWith({ deny: ['s3:DeleteObject'] });
      await doctor().examine(denied, USER);
      const report = await doctor().examine(denied, USER);
      expect(failedIds(report)).toEqual(['delete', 'cleanup']);
      expect(check(report, 'delete')).toMatchObject({
        action: 's3:DeleteObject',
        remedy: expect.stringContaining(USER),
      });
      expect(check(report, 'cleanup')?.message).toContain(`${USER}/datasets/longshore-doctor.jsonl.gz`);
      expect(sandbox.objects.keys()).toEqual([`${USER}/datasets/longshore-doctor.jsonl.gz`]);
      await sandbox.objects.remove(`${USER}/datasets/longshore-doctor.jsonl.gz`);
    });

    it('all of them at once, where nothing is allowed', async () => {
      const report = await doctor().examine(userWith({ allow: [] }), USER);
      expect(failedIds(report)).toEqual(['list', 'put', 'delete', 'versioning']);
      expect(report.status).toBe('failed');
    });

    it('tells an explicit deny from a missing permission', async () => {
      const missing = await doctor().examine(userWith({ allow: ['s3:List*'] }), USER);
      expect(check(missing, 'put')?.remedy).toContain('Allow s3:PutObject on arn:aws:s3:::');
      const denied = await doctor().examine(userWith({ deny: ['s3:PutObject'] }), USER);
      expect(check(denied, 'put')?.remedy).toContain('remove that Deny');
    });
  });

  it('notices that a condition on the prefix makes S3 hide what is missing', async () => {
    const conditioned = userWith({ deny: [] });
    const identity = sandbox.identities.find(conditioned.api_key ?? '');
    if (identity === undefined) throw new Error('no such user');
    const [bucket, Effect] = [`arn:aws:s3:::${sandbox.bucket}`, 'Allow' as const];
    const Condition = { StringLike: { 's3:prefix': `${USER}/*` } };
    const except = ['s3:*Object*', 's3:*Upload*', 's3:GetBucket*', 'sts:*'];
    identity.policies = [
      {
        Statement: [
          { Effect, Action: 's3:ListBucket', Resource: bucket, Condition },
          { Effect, Action: except, Resource: '*' },
        ],
      },
    ];
    const report = await doctor().examine(conditioned, USER);
    expect(failedIds(report)).toEqual(['head']);
    expect(check(report, 'head')).toMatchObject({
      action: 's3:ListBucket',
      remedy: expect.stringContaining('without a condition'),
    });
  });

  it('removes every version in a bucket that keeps them', async () => {
    await sandbox.createBucket('versions', { versioning: true });
    const report = await doctor().examine(content({ s3_bucket: 'versions' }), USER);
    expect(check(report, 'versioning')).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('all versions'),
    });
    expect(sandbox.log.list('DeleteObject').length).toBeGreaterThan(3);
    const key = sandbox.log.list('PutObject').at(-1)?.path.replace('/versions/', '') ?? '';
    expect(key).toContain('longshore-doctor-');
    expect(sandbox.objects.versions(key, 'versions')).toEqual([]);
  });

  it('tells a wrong secret key, an unknown key, and a foreign bucket', async () => {
    const wrong = await doctor().examine(content({ secret_access_key: 'x'.repeat(40) }), USER);
    expect(check(wrong, 'credentials')).toMatchObject({ status: 'failed', code: 'wrong_secret_key' });
    expect(failedIds(wrong)).toEqual(['credentials']);
    const unknown = await doctor().examine(content({}, 'AKIANOSUCHKEYATALL00'), USER);
    expect(check(unknown, 'credentials')).toMatchObject({ status: 'failed', code: 'unknown_access_key' });
    await sandbox.createBucket('not-ours', { accountId: '999988887777' });
    const foreign = await doctor().examine(content({ s3_bucket: 'not-ours' }), USER);
    expect(check(foreign, 'list')).toMatchObject({ status: 'failed', code: 'access_denied' });
    expect(foreign.status).toBe('failed');
  });

  it('offers to make a missing bucket, and makes it when asked', async () => {
    const missing = content({ s3_bucket: 'not-there-yet', region: 'eu-west-1' });
    const offered = await doctor().examine(missing, USER);
    expect(check(offered, 'bucket')).toMatchObject({ status: 'failed', code: 'bucket_not_found' });
    expect(offered.suggestions).toEqual({ create_bucket: true });
    const made = await doctor().examine(missing, USER, { createBucket: true });
    expect(made).toMatchObject({ status: 'ok' });
    expect(leftIn('not-there-yet')).toEqual(NOTHING);
    const denied = userWith({ deny: ['s3:CreateBucket'] });
    denied.metadata.aws.s3_bucket = 'never-made';
    const refused = await doctor().examine(denied, USER, { createBucket: true });
    expect(check(refused, 'bucket')).toMatchObject({ code: 'access_denied', action: 's3:CreateBucket' });
  });

  it('names the true region of a bucket, and tests the rest there', async () => {
    await sandbox.createBucket('in-frankfurt', { region: 'eu-central-1' });
    const report = await doctor().examine(content({ s3_bucket: 'in-frankfurt' }), USER);
    expect(failedIds(report)).toEqual(['region']);
    expect(check(report, 'region')).toMatchObject({ code: 'wrong_region', remedy: 'Give region eu-central-1.' });
    expect(report).toMatchObject({ status: 'failed', suggestions: { region: 'eu-central-1' } });
    expect(check(report, 'put')?.status).toBe('ok');
  });

  it.each([
    ['behind', -40 * 60_000, true],
    ['ahead of', 40 * 60_000, true],
    ['ahead of', 5 * 60_000, false],
  ])(
    'tells that the clock is %s the store’s, and tests the rest by the store’s time',
    async (word, offsetMs, grave) => {
      const report = await doctor({ now: () => new Date(Date.now() + offsetMs) }).examine(content(), USER);
      expect(failedIds(report)).toEqual(['clock']);
      expect(check(report, 'clock')).toMatchObject({ code: 'clock_skew', required: grave });
      expect(check(report, 'clock')?.message).toContain(`${Math.abs(offsetMs) / 60_000} minutes ${word}`);
      expect(report.status).toBe(grave ? 'failed' : 'ok');
    },
  );
});

describe('AwsDoctor at stores that fail', () => {
  it('is inconclusive about a store that is down', async () => {
    const other = await startS3Sandbox();
    await other.close();
    const report = await doctor().examine(content({ endpoint: other.url }), USER);
    expect(report.status).toBe('inconclusive');
    expect(check(report, 'endpoint')).toMatchObject({ status: 'failed', code: 'unavailable' });
    expect(check(report, 'put')).toMatchObject({ status: 'skipped' });
  });

  it('is inconclusive about a store that stays silent', async () => {
    const id = sandbox.faults.add({ operation: 'ListObjectsV2', action: { kind: 'stall' } });
    const report = await doctor({ timeoutMs: 300 }).examine(content(), USER);
    sandbox.faults.remove(id);
    expect(check(report, 'bucket')).toMatchObject({ status: 'failed', code: 'timeout' });
    expect(report.status).toBe('inconclusive');
  });

  it.each(['HeadObject', 'CompleteMultipartUpload', 'UploadPart', 'AbortMultipartUpload', 'DeleteObject'])(
    'cleans up after %s broke down in the middle',
    async (operation) => {
      const skip = operation === 'DeleteObject' ? 1 : 0;
      const id = sandbox.faults.add({ operation, skip, times: 1, action: { kind: 'status', status: 500 } });
      const report = await doctor().examine(content(), USER);
      sandbox.faults.remove(id);
      expect(report.status).toBe('inconclusive');
      expect(leftIn()).toEqual(NOTHING);
    },
  );

  it('cleans up after the one who asked has gone away', async () => {
    const gone = new AbortController();
    const slow = sandbox.faults.add({ operation: 'HeadObject', action: { kind: 'stall' } });
    const examination = doctor().examine(content(), USER, { signal: gone.signal });
    await untilLogged('HeadObject');
    gone.abort();
    await expect(examination).rejects.toThrow();
    sandbox.faults.remove(slow);
    expect(leftIn()).toEqual(NOTHING);
  });

  it('notices a store that changes what it is given', async () => {
    const id = sandbox.faults.add({ operation: 'GetObject', action: { kind: 'bit_flip', side: 'response' } });
    const report = await doctor().examine(content(), USER);
    sandbox.faults.remove(id);
    expect(report.checks.filter((c) => c.code === 'corrupt').map((c) => c.id)).toContain('get_range');
    expect(report.status).toBe('failed');
  });
});

/** Polls the server's own log: it is the only sign that a request has arrived. */
async function untilLogged(operation: string): Promise<void> {
  const before = sandbox.log.list(operation).length;
  while (sandbox.log.list(operation).length === before) await new Promise((resolve) => setImmediate(resolve));
}
