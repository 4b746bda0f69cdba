import * as s3 from '@aws-sdk/client-s3';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

const ROLE = 'arn:aws:iam::111122223333:role/training';
let sandbox: S3Sandbox;
let Bucket: string;
let clockShift = 0;

beforeAll(async () => {
  sandbox = await startS3Sandbox({
    users: [
      { name: 'reader', accessKeyId: 'AKIAREADER', secretAccessKey: 'r', allow: ['s3:GetObject'] },
      { name: 'nodelete', accessKeyId: 'AKIANODELETE', secretAccessKey: 'n', deny: ['s3:DeleteObject*'] },
      { name: 'stranger', accessKeyId: 'AKIASTRANGER', secretAccessKey: 's', accountId: '999988887777' },
    ],
    roles: [{ name: 'training', externalId: 'known-only-to-us', allow: ['s3:*'] }],
    now: () => Date.now() + clockShift,
  });
  Bucket = sandbox.bucket;
  for (const Key of ['u1/a', 'u2/b']) await clientOf('owner').send(new s3.PutObjectCommand({ Bucket, Key, Body: 'x' }));
});

afterAll(async () => await sandbox.close());

const SECRETS = { reader: 'r', nodelete: 'n', stranger: 's' };

function clientOf(name: 'owner' | keyof typeof SECRETS): s3.S3Client {
  if (name === 'owner') return s3ClientFor(sandbox);
  return s3ClientFor({ ...sandbox, accessKeyId: `AKIA${name.toUpperCase()}`, secretAccessKey: SECRETS[name] });
}

function stsOf(credentials: STSClientConfig['credentials'] = sandbox): STSClient {
  return new STSClient({ endpoint: sandbox.url, region: 'us-east-1', credentials, maxAttempts: 1 });
}

async function stsRefusal(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'worked',
    (error: Error) => error.name,
  );
}

describe('permissions of users', () => {
  it('name the one action that is missing', async () => {
    const refused = await refusalOf(clientOf('reader').send(new s3.PutObjectCommand({ Bucket, Key: 'k', Body: 'x' })));
    expect(refused.name).toBe('AccessDenied');
    expect(refused.message).toBe(
      'User: arn:aws:iam::111122223333:user/reader is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::sandbox-bucket/k" because no identity-based policy allows the s3:PutObject action',
    );
  });

  it('hide what is absent from who may not list', async () => {
    const get = (name: 'owner' | 'reader') => clientOf(name).send(new s3.GetObjectCommand({ Bucket, Key: 'nothing' }));
    expect((await refusalOf(get('owner'))).name).toBe('NoSuchKey');
    expect((await refusalOf(get('reader'))).name).toBe('AccessDenied');
  });

  it('let an explicit deny win, listed keys of DeleteObjects included', async () => {
    const client = clientOf('nodelete');
    const one = await refusalOf(client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'u1/a' })));
    expect(one.message).toContain('explicit deny');
    const many = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'u1/a' }] } }));
    expect(many.Errors?.[0]).toMatchObject({ Key: 'u1/a', Code: 'AccessDenied' });
    expect(sandbox.objects.keys()).toContain('u1/a');
  });

  it('end at the border of the account', async () => {
    const list = clientOf('stranger').send(new s3.ListObjectsV2Command({ Bucket }));
    expect((await refusalOf(list)).name).toBe('AccessDenied');
    const taken = clientOf('stranger').send(new s3.CreateBucketCommand({ Bucket }));
    expect((await refusalOf(taken)).name).toBe('BucketAlreadyExists');
    const expecting = new s3.HeadBucketCommand({ Bucket, ExpectedBucketOwner: '999988887777' });
    expect((await refusalOf(clientOf('owner').send(expecting))).$metadata.httpStatusCode).toBe(403);
  });
});

describe('STS', () => {
  const assume = (more: object = {}) =>
    stsOf().send(
      new AssumeRoleCommand({
        RoleArn: ROLE,
        RoleSessionName: 'longshore',
        ExternalId: 'known-only-to-us',
        DurationSeconds: 900,
        ...more,
      }),
    );

  function clientWith(session: Awaited<ReturnType<typeof assume>>): s3.S3Client {
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken } = session.Credentials ?? {};
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    return s3ClientFor(sandbox, { credentials });
  }

  const read = (client: s3.S3Client, Key: string) => client.send(new s3.GetObjectCommand({ Bucket, Key }));

  it('says who one is', async () => {
    const me = await stsOf().send(new GetCallerIdentityCommand({}));
    expect(me).toMatchObject({ Account: '111122223333', Arn: 'arn:aws:iam::111122223333:user/owner' });
  });

  it('refuses keys and secrets by the names of STS', async () => {
    const ask = (credentials: { accessKeyId: string; secretAccessKey: string }) =>
      stsRefusal(stsOf(credentials).send(new GetCallerIdentityCommand({})));
    expect(await ask({ accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' })).toBe('InvalidClientTokenId');
    expect(await ask({ accessKeyId: sandbox.accessKeyId, secretAccessKey: 'x' })).toBe('SignatureDoesNotMatch');
  });

  it('gives a session only for the right external id and a known role', async () => {
    expect(await stsRefusal(assume({ ExternalId: 'wrong' }))).toBe('AccessDenied');
    expect(await stsRefusal(assume({ ExternalId: undefined }))).toBe('AccessDenied');
    expect(await stsRefusal(assume({ RoleArn: `${ROLE}-2` }))).toBe('AccessDenied');
    expect(await stsRefusal(assume({ DurationSeconds: 7200 }))).toBe('ValidationError');
    const session = await assume();
    expect(session.AssumedRoleUser?.Arn).toBe('arn:aws:sts::111122223333:assumed-role/training/longshore');
    expect((await read(clientWith(session), 'u1/a')).ContentLength).toBe(1);
  });

  it('limits a session to a prefix by its policy', async () => {
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/u1/*` },
        {
          Effect: 'Allow',
          Action: 's3:ListBucket',
          Resource: `arn:aws:s3:::${Bucket}`,
          Condition: { StringLike: { 's3:prefix': ['u1/*'] } },
        },
      ],
    });
    const client = clientWith(await assume({ Policy }));
    expect((await read(client, 'u1/a')).ContentLength).toBe(1);
    expect((await refusalOf(read(client, 'u2/b'))).message).toContain('no session policy allows the s3:GetObject');
    const list = (Prefix: string) => client.send(new s3.ListObjectsV2Command({ Bucket, Prefix }));
    expect((await list('u1/')).KeyCount).toBe(1);
    expect((await refusalOf(list('u2/'))).name).toBe('AccessDenied');
  });

  it('ends a session with all URLs signed by it, and refuses a token that is not its own', async () => {
    const session = await assume();
    const client = clientWith(session);
    const forged = clientWith({ ...session, Credentials: { ...session.Credentials, SessionToken: 'other' } as never });
    expect((await refusalOf(read(forged, 'u1/a'))).name).toBe('InvalidToken');
    const url = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: 'u1/a' }), { expiresIn: 3600 });
    expect((await fetch(url)).status).toBe(200);
    clockShift = 901_000;
    const late = await fetch(url);
    clockShift = 0;
    expect([late.status, await late.text()]).toEqual([400, expect.stringContaining('<Code>ExpiredToken</Code>')]);
  });
});
