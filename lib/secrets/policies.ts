import type { AWSMetadata } from '@/lib/secrets/secrets.types.ts';

/** IAM documents to paste. Source: Service Authorization Reference, "Actions for Amazon S3". */
export interface PolicyStatement {
  Sid: string;
  Effect: 'Allow';
  Principal?: { AWS: string };
  Action: string | readonly string[];
  Resource?: string | readonly string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: readonly PolicyStatement[];
}

/** On the objects of one user's datasets. */
export const OBJECT_ACTIONS = [
  's3:GetObject',
  's3:GetObjectVersion',
  's3:PutObject',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
] as const;

/**
 * On the bucket as a whole. s3:ListBucket MUST NOT carry a condition on the prefix: with one S3 answers 403 instead of
 * 404 for a missing object, and then nobody can tell a lost copy from a closed door. The settings are read, never changed.
 */
export const BUCKET_ACTIONS = ['s3:ListBucket', 's3:GetBucketVersioning', 's3:GetBucketPublicAccessBlock'] as const;

/** On the bucket, for this user's folder only. */
export const FOLDER_ACTIONS = ['s3:ListBucketVersions'] as const;

/** The folder that all objects of a user lie in. */
export function userPrefix(userId: string): string {
  return `${userId}/`;
}

/** What Longshore does in a bucket, and nothing more: attach it to the IAM user or role of the secret. */
export function leastPrivilegePolicy(bucket: string, userId: string, partition = 'aws'): PolicyDocument {
  const bucketArn = `arn:${partition}:s3:::${bucket}`;
  const prefix = userPrefix(userId);
  const Effect = 'Allow' as const;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'LongshoreObjects', Effect, Action: OBJECT_ACTIONS, Resource: `${bucketArn}/${prefix}*` },
      { Sid: 'LongshoreBucket', Effect, Action: BUCKET_ACTIONS, Resource: bucketArn },
      {
        Sid: 'LongshoreVersions',
        Effect,
        Action: FOLDER_ACTIONS,
        Resource: bucketArn,
        Condition: { StringLike: { 's3:prefix': `${prefix}*` } },
      },
    ],
  };
}

/** Lets `principalArn` (this installation) assume the role, for this user's sake only. */
export function trustPolicy(principalArn: string, externalId: string): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'LongshoreAssumesThisRole',
        Effect: 'Allow',
        Principal: { AWS: principalArn },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': externalId } },
      },
    ],
  };
}

/** China and GovCloud write another name into their ARNs. */
export function partitionOf({ region, role_arn }: Pick<AWSMetadata, 'region' | 'role_arn'>): string {
  const named = role_arn?.split(':')[1];
  if (named !== undefined && named !== '') return named;
  if (region?.startsWith('cn-') === true) return 'aws-cn';
  return region?.startsWith('us-gov-') === true ? 'aws-us-gov' : 'aws';
}
