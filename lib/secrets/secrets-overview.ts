import type { AwsSessions } from '@/lib/secrets/aws/aws-sessions.ts';
import { principalOfArn } from '@/lib/secrets/aws/aws-sessions.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import { cleanPasted } from '@/lib/secrets/field-rules.ts';
import { leastPrivilegePolicy, type PolicyDocument, partitionOf, trustPolicy } from '@/lib/secrets/policies.ts';
import { PROVIDERS, type ProviderDescription } from '@/lib/secrets/providers/provider-registry.ts';
import type { SecretProvider, SecretUsageView, SecretView } from '@/lib/secrets/secrets.types.ts';
import type { ChangeOptions, InputOptions, SecretsManager } from '@/lib/secrets/secrets-manager.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** IAM documents for one user, ready to paste. */
export interface AwsPolicies {
  /** Of the user: goes into the trust policy, and is made by us. */
  external_id: string;
  /** Who assumes roles; null when this installation has no identity at AWS, and then only keys can be used. */
  principal_arn: string | null;
  permissions_policy: PolicyDocument;
  trust_policy: PolicyDocument | null;
}

/** All that the page of secrets shows. */
export interface SecretsOverview {
  secrets: SecretView[];
  /** Of the AWS secret. */
  usage: SecretUsageView;
  providers: readonly ProviderDescription[];
  aws: AwsPolicies;
}

export interface OverviewParts {
  manager: SecretsManager;
  sessions: AwsSessions;
  externalIdOf: (userId: string) => string;
}

/** Stands in the policy until a bucket is known. */
export const BUCKET_PLACEHOLDER = 'YOUR-BUCKET';

export async function secretsOverview(parts: OverviewParts, userId: string): Promise<SecretsOverview> {
  const secrets = await parts.manager.list(userId);
  const usage = await parts.manager.usage(userId, 'aws');
  const aws = secrets.find((secret) => secret.metadata.aws !== undefined)?.metadata.aws;
  return { secrets, usage, providers: PROVIDERS, aws: await awsPolicies(parts, userId, aws) };
}

/** For the bucket and partition given, or with a placeholder. */
export async function awsPolicies(
  parts: Pick<OverviewParts, 'sessions' | 'externalIdOf'>,
  userId: string,
  aws: { s3_bucket: string; region?: string; role_arn?: string | null } | undefined,
): Promise<AwsPolicies> {
  const external_id = parts.externalIdOf(userId);
  const principal_arn = await principalArn(parts.sessions);
  const partition = partitionOf({ region: aws?.region, role_arn: aws?.role_arn ?? undefined });
  return {
    external_id,
    principal_arn,
    permissions_policy: leastPrivilegePolicy(aws?.s3_bucket ?? BUCKET_PLACEHOLDER, userId, partition),
    trust_policy: principal_arn === null ? null : trustPolicy(principal_arn, external_id),
  };
}

async function principalArn(sessions: AwsSessions): Promise<string | null> {
  try {
    const identity = await sessions.platformIdentity();
    return identity === undefined ? null : principalOfArn(identity.arn);
  } catch (error) {
    // Without the answer of STS there is no trust policy to show; everything else of the page stands.
    if (StorageError.is(error)) return null;
    throw error;
  }
}

export interface TestAnswer {
  report: DoctorReport;
  /** Null when nothing stored was tested. */
  secret: SecretView | null;
  /** For the bucket that was tested; null for other providers. */
  aws: AwsPolicies | null;
}

/** Tests what was given, or with `body` undefined what is stored. */
export async function testAnswer(
  parts: OverviewParts,
  { userId, provider, body }: { userId: string; provider: SecretProvider; body: unknown },
  options: ChangeOptions & InputOptions,
): Promise<TestAnswer> {
  const { manager } = parts;
  const tested = body === undefined ? await manager.testStored(userId, provider, options) : undefined;
  const report = tested?.report ?? (await manager.testInput(userId, provider, body, options));
  const secret = tested?.secret ?? null;
  if (provider !== 'aws') return { report, secret, aws: null };
  const aws = await awsPolicies(parts, userId, secret?.metadata.aws ?? placeIn(body));
  return { report, secret, aws };
}

/** The bucket and region of an input that was found valid. */
function placeIn(body: unknown): { s3_bucket: string; region?: string; role_arn?: string } | undefined {
  const aws = (body as { metadata?: { aws?: Record<string, unknown> } })?.metadata?.aws ?? {};
  const text = (name: string) => (typeof aws[name] === 'string' ? cleanPasted(aws[name]) : '') || undefined;
  const s3_bucket = text('s3_bucket');
  return s3_bucket === undefined ? undefined : { s3_bucket, region: text('region'), role_arn: text('role_arn') };
}
