import type { Secret } from '@/lib/secrets/secrets.types.ts';
import type { LaunchDataset } from './deploy-target.ts';
import { checkOf, type PreflightCheck } from './preflight-check.ts';
import { ProviderError } from './provider-error.ts';
import { regionFor, type SagemakerOptions } from './sagemaker-options.ts';

export function roleRequired(): ProviderError {
  return new ProviderError('target_role_required', 'SageMaker runs training jobs under a role, and none is named.', {
    hint: 'Give role_arn, or store metadata.aws.sagemaker_role_arn with PUT /api/secrets/aws.',
  });
}

export function roleCheck(options: SagemakerOptions, secret: Secret<'aws'>): PreflightCheck {
  const check = checkOf('target_role_required', 'Role of the training job');
  const { message, hint = '' } = roleRequired();
  const named = options.role_arn ?? secret.metadata.aws.sagemaker_role_arn;
  return named === undefined ? check.failed(message, hint) : check.ok('A role is named.');
}

/**
 * SageMaker reads the user's own bucket. From the installation's bucket only the worker can read, by URLs that open one
 * object for a time: a role that SageMaker assumes there would open the data of other users too.
 */
export function copyCheck({ runs }: SagemakerOptions, { s3, inS3 }: LaunchDataset): PreflightCheck {
  const check = checkOf('s3_replica_required', 'Copy in S3');
  if (s3 !== undefined) return check.ok(`A verified copy is in your bucket ${s3.bucket}.`);
  if (!inS3) {
    return check.failed(
      'SageMaker reads from S3, and this dataset has no verified copy there.',
      'Store AWS credentials with a bucket and wait for the copy, or enter a phase that writes to S3.',
    );
  }
  if (runs === 'worker') {
    return check.warning(
      'The copy is in this installation’s bucket, not in yours: the worker reads it by short-lived signed URLs.',
      'Nothing needs to be done. To have SageMaker read it itself, wait for the copy in your own bucket.',
    );
  }
  return check.failed(
    'The copy is in this installation’s bucket, which your SageMaker role cannot read.',
    'Wait for the copy in your own bucket, or use runs: worker.',
  );
}

export function regionChecks(
  options: SagemakerOptions,
  secret: Secret<'aws'>,
  { s3 }: LaunchDataset,
): PreflightCheck[] {
  if (s3 === undefined) return [];
  const check = checkOf('region_mismatch', 'Region');
  const region = regionFor(options, secret);
  if (region === s3.region) return [check.ok(`Bucket and job are both in ${region}.`)];
  return [
    check.failed(
      `The bucket is in ${s3.region} and the job would be in ${region}: SageMaker reads only from its own region.`,
      `Leave region out, or give region: ${s3.region}.`,
    ),
  ];
}
