import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';
import {
  awsAccessKeyId,
  awsBucket,
  awsRegion,
  awsSecretKey,
  bearerToken,
  cleanPasted,
  compatibleBucket,
  compatibleKey,
  compatibleRegion,
  endpointUrl,
  looksLikeAccessKeyId,
  looksLikeSecretKey,
  type Rule,
  roleArn,
  sshKeyName,
  userName,
} from '@/lib/secrets/field-rules.ts';
import type { SecretContent, SecretContents, SecretProvider } from '@/lib/secrets/secrets.types.ts';

/** What a person typed, made clean and checked. Every fault is told at once, with the path of its field. */
export interface SecretInputContext {
  /** The external id that Longshore made for this user. */
  externalId: string;
}

export interface FieldProblem {
  path: string;
  message: string;
}

/** Longer than anything that is right; keeps what is done with a value cheap. */
const MAX_FIELD_LENGTH = 2048;

const pasted = () => z.string().max(MAX_FIELD_LENGTH, 'This is too long.').transform(cleanPasted);

/** An empty form field means that there is none. */
const optional = () =>
  pasted()
    .nullish()
    .transform((value) => (value === '' || value === null ? undefined : value));

const required = (label: string, rule: Rule) =>
  pasted().superRefine((value, context) => {
    const message = value === '' ? `${label} is missing.` : rule(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const optionalChecked = (rule: Rule) =>
  optional().superRefine((value, context) => {
    const message = value === undefined ? undefined : rule(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const awsSchema = z.strictObject({
  api_key: optional(),
  metadata: z.strictObject({
    aws: z.strictObject({
      secret_access_key: optional(),
      s3_bucket: pasted(),
      region: optional().transform((value) => value?.toLowerCase()),
      endpoint: optionalChecked(endpointUrl),
      role_arn: optionalChecked(roleArn),
      external_id: optional(),
      sagemaker_role_arn: optionalChecked(roleArn),
    }),
  }),
});
type AwsInput = z.output<typeof awsSchema>;

const runpodSchema = z.strictObject({
  api_key: required('api_key', bearerToken('RunPod')),
  metadata: z.strictObject({}).default({}),
});

const lambdaSchema = z.strictObject({
  api_key: required('api_key', bearerToken('Lambda Cloud')),
  metadata: z
    .strictObject({ lambda: z.strictObject({ ssh_key_name: optionalChecked(sshKeyName) }).optional() })
    .default({}),
});

const huggingfaceSchema = z.strictObject({
  api_key: required('api_key', bearerToken('Hugging Face')),
  metadata: z
    .strictObject({ huggingface: z.strictObject({ username: optionalChecked(userName) }).optional() })
    .default({}),
});

/** Throws `invalid_secret`, with `details.errors: [{ path, message }]`, none of which repeats a secret. */
export function parseSecretInput<P extends SecretProvider>(
  provider: P,
  body: unknown,
  context: SecretInputContext,
): SecretContents[P];
export function parseSecretInput(provider: SecretProvider, body: unknown, context: SecretInputContext): SecretContent {
  if (provider === 'aws') return awsContent(parsed(awsSchema, body), context);
  if (provider === 'lambda') return parsed(lambdaSchema, body);
  if (provider === 'huggingface') return parsed(huggingfaceSchema, body);
  return parsed(runpodSchema, body);
}

function parsed<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw invalidSecret(
    result.error.issues.flatMap((issue) => {
      const path = issue.path.join('.');
      if (issue.code !== 'unrecognized_keys') return [{ path, message: issueMessage(issue) }];
      return issue.keys.map((key) => ({ path: shownPath(path, key), message: 'There is no such field.' }));
    }),
  );
}

/** A name that does not look like one may be a secret pasted into the wrong place: it is not repeated. */
function shownPath(path: string, key: string): string {
  const name = /^[a-z][a-z0-9_]{0,31}$/.test(key) ? key : '(unknown)';
  return path === '' ? name : `${path}.${name}`;
}

function issueMessage(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.path.length === 0) return 'Send a JSON object.';
  const wanted = issue.expected === 'string' ? 'text' : `a JSON ${issue.expected}`;
  return `Give ${wanted} here: it is missing, or of another type.`;
}

export function invalidSecret(errors: FieldProblem[]): LongshoreError {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const message = first === undefined ? 'The secret cannot be used.' : `${first.path}: ${first.message}${more}`;
  return new LongshoreError('invalid_secret', message, {
    hint: 'Mend the fields named in errors and send it again. Nothing was stored.',
    details: { errors },
  });
}

function awsContent(input: AwsInput, context: SecretInputContext): SecretContents['aws'] {
  const aws = withPlainAwsEndpoint(input.metadata.aws);
  const problems = [...keyProblems(input.api_key, aws), ...placeProblems(aws), ...externalIdProblems(aws, context)];
  if (problems.length > 0) throw invalidSecret(problems);
  return { api_key: input.api_key, metadata: { aws: { ...aws, external_id: context.externalId } } };
}

type AwsFields = AwsInput['metadata']['aws'];

/** The address of AWS itself is no endpoint of one's own: dropped, and its region taken when none was given. */
function withPlainAwsEndpoint(aws: AwsFields): AwsFields {
  if (aws.endpoint === undefined) return aws;
  const { hostname, origin } = new URL(aws.endpoint);
  const regional = /^s3(?:[.-]([a-z]{2,3}(?:-[a-z]+)+-\d{1,2}))?\.amazonaws\.com$/.exec(hostname);
  if (regional === null) return { ...aws, endpoint: origin };
  return { ...aws, endpoint: undefined, region: aws.region ?? regional[1] };
}

function keyProblems(apiKey: string | undefined, aws: AwsFields): FieldProblem[] {
  const secret = aws.secret_access_key;
  if (apiKey === undefined && secret === undefined) return missingKeys(aws);
  if (secret !== undefined && looksLikeAccessKeyId(secret) && (apiKey === undefined || looksLikeSecretKey(apiKey))) {
    const message = 'The two keys are swapped: api_key is the access key id (AKIA...), secret_access_key the long one.';
    return [{ path: 'api_key', message }];
  }
  if (apiKey === undefined)
    return [{ path: 'api_key', message: 'The access key id that belongs to the secret is missing.' }];
  const secretPath = 'metadata.aws.secret_access_key';
  if (secret === undefined) return [{ path: secretPath, message: 'The secret access key is missing.' }];
  const ownEndpoint = aws.endpoint !== undefined;
  return [
    ...problem('api_key', (ownEndpoint ? compatibleKey : awsAccessKeyId)(apiKey)),
    ...problem(secretPath, (ownEndpoint ? compatibleKey : awsSecretKey)(secret)),
  ];
}

function missingKeys(aws: AwsFields): FieldProblem[] {
  if (aws.role_arn !== undefined) return [];
  const message = 'Give an access key id and its secret access key, or a role_arn that Longshore may assume.';
  return [{ path: 'api_key', message }];
}

function placeProblems(aws: AwsFields): FieldProblem[] {
  const ownEndpoint = aws.endpoint !== undefined;
  const { s3_bucket, region } = aws;
  const bucketRule = ownEndpoint ? compatibleBucket : awsBucket;
  const regionRule = ownEndpoint ? compatibleRegion : awsRegion;
  return [
    ...problem('metadata.aws.s3_bucket', s3_bucket === '' ? 'The bucket is missing.' : bucketRule(s3_bucket)),
    ...problem('metadata.aws.region', region === undefined ? undefined : regionRule(region)),
  ];
}

function externalIdProblems(aws: AwsFields, { externalId }: SecretInputContext): FieldProblem[] {
  if (aws.external_id === undefined || aws.external_id === externalId) return [];
  const message = `Longshore makes the external id. Yours is ${externalId}: put it into the role's trust policy.`;
  return [{ path: 'metadata.aws.external_id', message }];
}

function problem(path: string, message: string | undefined): FieldProblem[] {
  return message === undefined ? [] : [{ path, message }];
}

/** The input with the stored keys in the place of those that it leaves out. Anything but an object passes unchanged. */
export function withKeysOf(stored: SecretContent, body: unknown): unknown {
  if (!isObject(body) || !isAbsent(body.api_key)) return body;
  const input = { ...body, api_key: stored.api_key };
  const { metadata } = body;
  if (!('aws' in stored.metadata) || !isObject(metadata) || !isObject(metadata.aws)) return input;
  if (!isAbsent(metadata.aws.secret_access_key)) return body;
  const { secret_access_key } = stored.metadata.aws ?? {};
  return { ...input, metadata: { ...metadata, aws: { ...metadata.aws, secret_access_key } } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === '';
