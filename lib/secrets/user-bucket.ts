import type { AwsSessions } from '@/lib/secrets/aws/aws-sessions.ts';
import { regionOf, type Secret } from '@/lib/secrets/secrets.types.ts';
import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';

/** A download URL lives two hours at most; a minute is left for what happens between asking and signing. */
const CREDENTIALS_VALID_SECONDS = 7200 + 60;

/**
 * How a store reaches the bucket of an AWS secret. Sessions of a role are renewed early enough that a URL signed with
 * them lives its two hours, where the role allows that at all.
 */
export function userBucketConfig(
  secret: Secret<'aws'>,
  sessions: AwsSessions,
): Required<Pick<S3StoreConfig, 'bucket' | 'region' | 'credentials'>> & Pick<S3StoreConfig, 'endpoint'> {
  const { aws } = secret.metadata;
  return {
    bucket: aws.s3_bucket,
    region: regionOf(aws),
    endpoint: aws.endpoint,
    credentials: () => sessions.credentialsFor(secret, CREDENTIALS_VALID_SECONDS),
  };
}
