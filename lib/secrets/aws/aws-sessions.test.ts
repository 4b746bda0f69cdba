import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import { AwsSessions, type PlatformIdentity } from '@/lib/secrets/aws/aws-sessions.ts';
import { StsClient } from '@/lib/secrets/aws/sts.ts';
import type { AWSMetadata, Secret } from '@/lib/secrets/secrets.types.ts';
import { EndpointGuard } from '@/lib/storage/endpoint-guard.ts';
import { HttpClient } from '@/lib/storage/http-client.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';

const PLATFORM_ACCOUNT = '111122223333';
const USER_ACCOUNT = '444455556666';
const HOUR = 3_600_000;

const guard = new EndpointGuard({ allowPrivateEndpoints: true });
let sandbox: S3Sandbox;
let nowMs = Date.now();
let role: string;
let longRole: string;
let ownRole: string;

beforeAll(async () => {
  sandbox = await startS3Sandbox({ now: () => nowMs });
  const trusts = ['owner'];
  role = sandbox.identities.addRole({ name: 'data', accountId: USER_ACCOUNT, externalId: 'ext-1', trusts });
  longRole = sandbox.identities.addRole({
    name: 'long',
    accountId: USER_ACCOUNT,
    externalId: 'ext-1',
    trusts,
    maxSessionSeconds: 43_200,
  });
  ownRole = sandbox.identities.addRole({ name: 'admin', accountId: PLATFORM_ACCOUNT, trusts });
});
afterAll(async () => {
  guard.close();
  await sandbox.close();
});
beforeEach(() => {
  nowMs = Date.now();
  sandbox.log.clear();
});

function platform(): PlatformIdentity {
  const { accessKeyId, secretAccessKey, url: endpoint } = sandbox;
  return { credentials: async () => ({ accessKeyId, secretAccessKey }), sts: { region: 'us-east-1', endpoint } };
}

function sessions(identity: PlatformIdentity | null = platform()): AwsSessions {
  const client = new HttpClient(guard, { provider: 's3', operation: 'probe' });
  const now = () => new Date(nowMs);
  const sts = new StsClient(new AwsRequester({ send: (call) => client.send(call), now }));
  return new AwsSessions({ sts, now, platform: identity ?? undefined });
}

function secret(changes: Partial<AWSMetadata>, apiKey?: string): Secret<'aws'> {
  const aws: AWSMetadata = { s3_bucket: sandbox.bucket, external_id: 'ext-1', ...changes };
  const row = { id: 's1', user_id: 'u1', provider: 'aws', version: 1, state: 'active' } as const;
  return { ...row, api_key: apiKey, metadata: { aws } };
}

const assumed = () => sandbox.log.list('sts').length;

describe('AwsSessions', () => {
  it('gives static keys as they are', async () => {
    const keys = secret({ secret_access_key: 'abc' }, 'AKIA');
    expect(await sessions().credentialsFor(keys)).toEqual({ accessKeyId: 'AKIA', secretAccessKey: 'abc' });
    expect(assumed()).toBe(0);
  });

  it('assumes a role for one hour where it allows no more, and tells the true end', async () => {
    const credentials = await sessions().credentialsFor(secret({ role_arn: role }));
    expect(credentials.sessionToken).toBeDefined();
    expect(credentials.expiresAt?.getTime()).toBe(Math.floor((nowMs + HOUR) / 1000) * 1000);
  });

  it('assumes a role for four hours where it allows them', async () => {
    const { expiresAt } = await sessions().credentialsFor(secret({ role_arn: longRole }));
    expect(expiresAt?.getTime()).toBe(Math.floor((nowMs + 4 * HOUR) / 1000) * 1000);
  });

  it('assumes once for all who ask, and again only shortly before the end', async () => {
    const all = sessions();
    const long = secret({ role_arn: longRole });
    const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => all.credentialsFor(long)));
    expect(others.every((each) => each === first)).toBe(true);
    // GetCallerIdentity of the platform, AssumeRole.
    expect(assumed()).toBe(2);
    nowMs += 4 * HOUR - 6 * 60_000;
    expect(await all.credentialsFor(long)).toBe(first);
    nowMs += 2 * 60_000;
    expect(await all.credentialsFor(long)).not.toBe(first);
    expect(assumed()).toBe(3);
  });

  it('renews a session for a URL that must outlive it, but not again and again', async () => {
    const all = sessions();
    const long = secret({ role_arn: longRole });
    const first = await all.credentialsFor(long, 7200);
    nowMs += 2 * HOUR - 1000;
    expect(await all.credentialsFor(long, 7200)).toBe(first);
    nowMs += 2000;
    expect(await all.credentialsFor(long, 7200)).not.toBe(first);
    const short = { ...secret({ role_arn: role }), id: 's2' };
    const hour = await all.credentialsFor(short, 7200);
    expect(await all.credentialsFor(short, 7200)).toBe(hour);
  });

  it('forgets the session of a secret that was changed, and no failed attempt is kept', async () => {
    const all = sessions();
    const long = secret({ role_arn: longRole });
    const first = await all.credentialsFor(long);
    all.forget('s1');
    expect(await all.credentialsFor(long)).not.toBe(first);
    const id = sandbox.faults.add({ operation: 'sts', times: 1, action: { kind: 'status', status: 500 } });
    const other = { ...long, id: 's3' };
    await expect(all.credentialsFor(other)).rejects.toMatchObject({ code: 'unavailable' });
    sandbox.faults.remove(id);
    expect((await all.credentialsFor(other)).sessionToken).toBeDefined();
  });

  it('refuses roles of its own account, for data and for SageMaker', async () => {
    await expect(sessions().credentialsFor(secret({ role_arn: ownRole }))).rejects.toMatchObject({
      code: 'role_refused',
    });
    const sagemaker = secret({ role_arn: role, sagemaker_role_arn: ownRole });
    await expect(sessions().credentialsFor(sagemaker)).rejects.toMatchObject({ code: 'role_refused' });
    expect(sandbox.log.list('sts').length).toBe(2);
  });

  it('refuses every role while its own account cannot be found out', async () => {
    const id = sandbox.faults.add({ operation: 'sts', times: 1, action: { kind: 'status', status: 503 } });
    const all = sessions();
    await expect(all.credentialsFor(secret({ role_arn: ownRole }))).rejects.toMatchObject({ code: 'unavailable' });
    sandbox.faults.remove(id);
    await expect(all.credentialsFor(secret({ role_arn: ownRole }))).rejects.toMatchObject({ code: 'role_refused' });
  });

  it('is refused by a role that names another external id', async () => {
    const other = secret({ role_arn: role, external_id: 'ext-2' });
    await expect(sessions().credentialsFor(other)).rejects.toMatchObject({
      code: 'forbidden',
      awsCode: 'AccessDenied',
    });
  });

  it('assumes with the user’s own keys where given, and without an identity of its own only so', async () => {
    sandbox.identities.addUser({
      name: 'carol',
      accountId: USER_ACCOUNT,
      accessKeyId: 'AKIACAROL',
      secretAccessKey: 'pw',
    });
    const carols = sandbox.identities.addRole({
      name: 'c',
      accountId: USER_ACCOUNT,
      externalId: 'ext-1',
      trusts: ['carol'],
    });
    const alone = sessions(null);
    const own = secret({ role_arn: carols, secret_access_key: 'pw', endpoint: sandbox.url }, 'AKIACAROL');
    expect((await alone.credentialsFor(own)).sessionToken).toBeDefined();
    await expect(alone.credentialsFor({ ...secret({ role_arn: carols }), id: 's9' })).rejects.toMatchObject({
      code: 'role_refused',
    });
  });

  it('never shows the identity of the installation to an endpoint that a user named', async () => {
    const trap = await startS3Sandbox();
    await sessions().credentialsFor(secret({ role_arn: role, endpoint: trap.url }));
    expect(trap.log.list()).toEqual([]);
    await trap.close();
  });
});
