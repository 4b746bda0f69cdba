import type { SecretRow } from '@/lib/secrets/secret-repository.ts';
import {
  type AWSMetadata,
  type AWSMetadataView,
  type ProviderMetadataView,
  regionOf,
  type SecretContent,
  type SecretProvider,
  type SecretView,
} from '@/lib/secrets/secrets.types.ts';

/**
 * What may be shown of a secret. Built field by field from what is known to be public, so that a field added later is
 * hidden until somebody decides otherwise.
 */
export function publicMetadata(provider: SecretProvider, content: SecretContent): ProviderMetadataView {
  const { metadata } = content;
  if (provider === 'aws' && 'aws' in metadata && metadata.aws !== undefined) return { aws: awsView(metadata.aws) };
  if (provider === 'lambda' && 'lambda' in metadata && metadata.lambda !== undefined) {
    return { lambda: { ssh_key_name: metadata.lambda.ssh_key_name } };
  }
  if (provider === 'huggingface' && 'huggingface' in metadata && metadata.huggingface !== undefined) {
    return { huggingface: { username: metadata.huggingface.username } };
  }
  return {};
}

function awsView(aws: AWSMetadata): AWSMetadataView {
  return {
    s3_bucket: aws.s3_bucket,
    region: regionOf(aws),
    endpoint: aws.endpoint ?? null,
    role_arn: aws.role_arn ?? null,
    external_id: aws.external_id,
    sagemaker_role_arn: aws.sagemaker_role_arn ?? null,
  };
}

/** Short keys would be half told by four characters. */
export function lastFour(apiKey: string | undefined): string | null {
  return apiKey === undefined || apiKey.length < 12 ? null : apiKey.slice(-4);
}

export function viewOf(row: Omit<SecretRow, 'ciphertext' | 'wrappedKey'>): SecretView {
  return {
    id: row.id,
    provider: row.provider,
    version: row.version,
    state: row.state,
    last_four: row.lastFour,
    metadata: row.publicMetadata,
    report: row.testReport,
    tested_at: row.testedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
