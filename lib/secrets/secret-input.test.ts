import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LongshoreError } from '@/lib/errors.ts';
import { type FieldProblem, parseSecretInput } from '@/lib/secrets/secret-input.ts';
import { SECRET_PROVIDERS, type SecretProvider } from '@/lib/secrets/secrets.types.ts';

const KEY = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const context = { externalId: 'longshore-0123456789abcdef' };
const aws = { secret_access_key: SECRET, s3_bucket: 'my-datasets' };

function problemsOf(provider: SecretProvider, body: unknown): FieldProblem[] {
  try {
    parseSecretInput(provider, body, context);
    return [];
  } catch (error) {
    if (!(error instanceof LongshoreError) || error.code !== 'invalid_secret') throw error;
    return error.details.errors as FieldProblem[];
  }
}

const awsBody = (changes: Record<string, unknown>, apiKey: unknown = KEY) => ({
  api_key: apiKey,
  metadata: { aws: { ...aws, ...changes } },
});

describe('parseSecretInput', () => {
  it('accepts the AWS secret as the plan names it', () => {
    expect(parseSecretInput('aws', awsBody({ region: 'eu-central-1' }), context)).toEqual({
      api_key: KEY,
      metadata: { aws: { ...aws, region: 'eu-central-1', external_id: context.externalId } },
    });
  });

  it('accepts a role without keys, and keys that assume a role', () => {
    const role_arn = 'arn:aws:iam::123456789012:role/path/longshore-data';
    expect(problemsOf('aws', { metadata: { aws: { s3_bucket: 'my-datasets', role_arn } } })).toEqual([]);
    expect(problemsOf('aws', awsBody({ role_arn }))).toEqual([]);
  });

  it('accepts what GET showed, sent back with the keys', () => {
    const body = awsBody({ endpoint: null, role_arn: null, sagemaker_role_arn: null, external_id: context.externalId });
    expect(problemsOf('aws', body)).toEqual([]);
  });

  it('removes what surrounds a pasted value', () => {
    const body = {
      api_key: `\u00a0${KEY}\n`,
      metadata: { aws: { secret_access_key: ` "${SECRET}"\u200b`, s3_bucket: '\tmy-datasets ', region: 'EU-West-1 ' } },
    };
    const content = parseSecretInput('aws', body, context);
    expect(content.api_key).toBe(KEY);
    expect(content.metadata.aws).toMatchObject({ ...aws, region: 'eu-west-1' });
  });

  it('takes empty form fields as absent', () => {
    const content = parseSecretInput('aws', awsBody({ region: '', endpoint: ' ', role_arn: null }), context);
    expect(content.metadata.aws).toMatchObject({ region: undefined, endpoint: undefined, role_arn: undefined });
  });

  it('drops the address of AWS itself and takes its region', () => {
    const content = parseSecretInput('aws', awsBody({ endpoint: 'https://s3.eu-west-3.amazonaws.com/' }), context);
    expect(content.metadata.aws).toMatchObject({ endpoint: undefined, region: 'eu-west-3' });
  });

  it.each([
    ['an empty body', undefined, '', 'JSON object'],
    ['nothing at all', { metadata: { aws: { s3_bucket: 'my-datasets' } } }, 'api_key', 'role_arn'],
    [
      'no secret',
      { api_key: KEY, metadata: { aws: { s3_bucket: 'my-datasets' } } },
      'metadata.aws.secret_access_key',
      'missing',
    ],
    ['no key id', { metadata: { aws } }, 'api_key', 'access key id'],
    ['swapped keys', awsBody({ secret_access_key: KEY }, SECRET), 'api_key', 'swapped'],
    ['a session key', awsBody({}, 'ASIAIOSFODNN7EXAMPLE'), 'api_key', 'temporary'],
    ['a role id', awsBody({}, 'AROAIOSFODNN7EXAMPLE'), 'api_key', 'AKIA'],
    ['half a secret', awsBody({ secret_access_key: SECRET.slice(9) }), 'metadata.aws.secret_access_key', 'has 31'],
    [
      'a broken secret',
      awsBody({ secret_access_key: `${SECRET.slice(20)}\n${SECRET.slice(0, 20)}` }),
      'metadata.aws.secret_access_key',
      'line break',
    ],
    ['no bucket', awsBody({ s3_bucket: ' ' }), 'metadata.aws.s3_bucket', 'missing'],
    ['an s3 address', awsBody({ s3_bucket: 's3://my-datasets/x' }), 'metadata.aws.s3_bucket', 'alone: my-datasets'],
    [
      'a bucket ARN',
      awsBody({ s3_bucket: 'arn:aws:s3:::my-datasets' }),
      'metadata.aws.s3_bucket',
      'alone: my-datasets',
    ],
    [
      'a web address',
      awsBody({ s3_bucket: 'https://my.data.s3.eu-west-1.amazonaws.com/' }),
      'metadata.aws.s3_bucket',
      'alone: my.data',
    ],
    [
      'a path address',
      awsBody({ s3_bucket: 'https://s3.eu-west-1.amazonaws.com/my-data/' }),
      'metadata.aws.s3_bucket',
      'alone: my-data',
    ],
    ['a prefix', awsBody({ s3_bucket: 'bucket/prefix' }), 'metadata.aws.s3_bucket', 'without a folder'],
    ['capitals', awsBody({ s3_bucket: 'My-Datasets' }), 'metadata.aws.s3_bucket', 'no capitals'],
    ['an underscore', awsBody({ s3_bucket: 'my_datasets' }), 'metadata.aws.s3_bucket', 'small letters'],
    ['a short bucket', awsBody({ s3_bucket: 'ab' }), 'metadata.aws.s3_bucket', '3 to 63'],
    ['two dots', awsBody({ s3_bucket: 'my..data' }), 'metadata.aws.s3_bucket', 'two dots'],
    ['an IP', awsBody({ s3_bucket: '10.0.0.1' }), 'metadata.aws.s3_bucket', 'IP address'],
    ['a last hyphen', awsBody({ s3_bucket: 'data-' }), 'metadata.aws.s3_bucket', 'begins and ends'],
    ['an access point', awsBody({ s3_bucket: 'data-s3alias' }), 'metadata.aws.s3_bucket', 'reserves'],
    ['a zone', awsBody({ region: 'us-east-1a' }), 'metadata.aws.region', 'region is us-east-1'],
    ['a region by name', awsBody({ region: 'US East (Ohio)' }), 'metadata.aws.region', 'us-east-1'],
    ['a user ARN', awsBody({ role_arn: 'arn:aws:iam::123456789012:user/x' }), 'metadata.aws.role_arn', 'user or group'],
    [
      'a session ARN',
      awsBody({ role_arn: 'arn:aws:sts::123456789012:assumed-role/x/y' }),
      'metadata.aws.role_arn',
      'session',
    ],
    [
      'a short account',
      awsBody({ sagemaker_role_arn: 'arn:aws:iam::1234:role/x' }),
      'metadata.aws.sagemaker_role_arn',
      '123456789012',
    ],
    [
      'an endpoint with a bucket',
      awsBody({ endpoint: 'https://a.r2.cloudflarestorage.com/data' }),
      'metadata.aws.endpoint',
      'https://a.r2.cloudflarestorage.com',
    ],
    [
      'an endpoint with a password',
      awsBody({ endpoint: 'https://u:p@minio.example.org' }),
      'metadata.aws.endpoint',
      'password',
    ],
    ['an endpoint that is none', awsBody({ endpoint: 'minio.example.org' }), 'metadata.aws.endpoint', 'https://'],
    ['another scheme', awsBody({ endpoint: 'ftp://minio.example.org' }), 'metadata.aws.endpoint', 'https://'],
    ['a foreign external id', awsBody({ external_id: 'mine' }), 'metadata.aws.external_id', context.externalId],
    ['an unknown field', awsBody({ bucket: 'x' }), 'metadata.aws.bucket', 'no such field'],
    ['a number', awsBody({ s3_bucket: 7 }), 'metadata.aws.s3_bucket', 'text'],
  ])('tells %s at its field', (_name, body, path, part) => {
    expect(problemsOf('aws', body)).toEqual([{ path, message: expect.stringContaining(part) }]);
  });

  it('tells all faults at once', () => {
    const body = awsBody({ s3_bucket: 'A', region: 'x', secret_access_key: 'short' });
    expect(problemsOf('aws', body).map((p) => p.path)).toEqual([
      'metadata.aws.secret_access_key',
      'metadata.aws.s3_bucket',
      'metadata.aws.region',
    ]);
  });

  it('lets other stores have keys, buckets and regions of their own form', () => {
    const changes = {
      endpoint: 'https://minio.example.org:9000',
      s3_bucket: 'Old_Bucket',
      region: 'auto',
      secret_access_key: 'minioadmin',
    };
    expect(problemsOf('aws', awsBody(changes, 'minioadmin'))).toEqual([]);
  });

  it.each([
    ['runpod', 'hf_abcdefghijklmnop', 'Hugging Face'],
    ['huggingface', 'rpa_ABCDEFGHIJKLMNOP', 'RunPod'],
    ['lambda', KEY, 'AWS'],
    ['runpod', 'rpa_ABC DEF GHIJ', 'space'],
    ['runpod', '', 'missing'],
    ['lambda', 'abc', '8 to 512'],
  ] as const)('tells a wrong key of %s', (provider, api_key, part) => {
    expect(problemsOf(provider, { api_key })).toEqual([{ path: 'api_key', message: expect.stringContaining(part) }]);
  });

  it('keeps what providers need beside the key', () => {
    const lambda = { api_key: 'secret_abcdefgh', metadata: { lambda: { ssh_key_name: ' laptop ' } } };
    expect(parseSecretInput('lambda', lambda, context).metadata).toEqual({ lambda: { ssh_key_name: 'laptop' } });
    const hub = { api_key: 'hf_abcdefghijk', metadata: { huggingface: { username: 'ada' } } };
    expect(parseSecretInput('huggingface', hub, context).metadata).toEqual({ huggingface: { username: 'ada' } });
    expect(parseSecretInput('runpod', { api_key: 'rpa_abcdefghijk' }, context).metadata).toEqual({});
  });

  it('answers at once, whatever length is sent', () => {
    const long = { spaces: `${' '.repeat(60_000)}x${' '.repeat(60_000)}`, dots: `https://${'.s3.'.repeat(15_000)}` };
    for (const value of Object.values(long)) {
      expect(problemsOf('aws', awsBody({ s3_bucket: value, endpoint: value }))).toContainEqual({
        path: 'metadata.aws.s3_bucket',
        message: 'This is too long.',
      });
    }
  });

  it('never crashes and never repeats a secret, whatever is sent', () => {
    const marker = 'Zq9SECRETq9Z';
    const value = fc.oneof(fc.constant(` ${marker} x`), fc.constant({ [marker]: marker }), fc.anything());
    const body = fc.record(
      {
        api_key: value,
        metadata: fc.oneof(
          fc.anything(),
          fc.record({ aws: fc.record({ secret_access_key: value, s3_bucket: fc.anything() }) }),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...SECRET_PROVIDERS),
        fc.oneof(body, fc.constant({ [marker]: 1 }), fc.anything()),
        (provider, sent) => {
          expect(JSON.stringify(problemsOf(provider, sent))).not.toContain(marker);
        },
      ),
      { numRuns: 500 },
    );
  });
});
