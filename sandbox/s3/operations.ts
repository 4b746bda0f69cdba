import type { Target } from '@/sandbox/exchange.ts';
import { S3Error } from './s3-error.ts';

/** What a request is about. `bucket` may come from the path or from the host name. */
export interface Address {
  bucket: string | undefined;
  /** Decoded; empty for requests on the bucket. */
  key: string;
}

/** Path style on any host; virtual-host style on `<bucket>.localhost`. */
export function addressOf({ path, headers }: Pick<Target, 'path' | 'headers'>): Address {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  const virtual = /^(.+)\.localhost$/.exec(host)?.[1];
  if (virtual !== undefined) return { bucket: virtual, key: decodePath(path.slice(1)) };
  const [, bucket = '', ...rest] = path.split('/');
  return { bucket: bucket === '' ? undefined : decodePath(bucket), key: decodePath(rest.join('/')) };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

export type S3Operation = keyof typeof ACTIONS;

/** The IAM action that each operation needs; `sts` and listing all buckets have their own rules. */
export const ACTIONS = {
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  CompleteMultipartUpload: 's3:PutObject',
  CopyObject: 's3:PutObject',
  CreateBucket: 's3:CreateBucket',
  CreateMultipartUpload: 's3:PutObject',
  DeleteBucket: 's3:DeleteBucket',
  DeleteObject: 's3:DeleteObject',
  DeleteObjects: 's3:DeleteObject',
  DeleteObjectTagging: 's3:DeleteObjectTagging',
  DeletePublicAccessBlock: 's3:PutBucketPublicAccessBlock',
  GetBucketLocation: 's3:GetBucketLocation',
  GetBucketPolicy: 's3:GetBucketPolicy',
  GetBucketPolicyStatus: 's3:GetBucketPolicyStatus',
  GetBucketVersioning: 's3:GetBucketVersioning',
  GetObject: 's3:GetObject',
  GetObjectTagging: 's3:GetObjectTagging',
  GetPublicAccessBlock: 's3:GetBucketPublicAccessBlock',
  HeadBucket: 's3:ListBucket',
  HeadObject: 's3:GetObject',
  ListBuckets: 's3:ListAllMyBuckets',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  ListObjects: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListObjectVersions: 's3:ListBucketVersions',
  ListParts: 's3:ListMultipartUploadParts',
  PutBucketPolicy: 's3:PutBucketPolicy',
  PutBucketVersioning: 's3:PutBucketVersioning',
  PutObject: 's3:PutObject',
  PutObjectTagging: 's3:PutObjectTagging',
  PutPublicAccessBlock: 's3:PutBucketPublicAccessBlock',
  UploadPart: 's3:PutObject',
  UploadPartCopy: 's3:PutObject',
} as const;

type Table = Record<string, S3Operation>;

/** Keyed by `METHOD subresource`; the subresource is the first query name of the list below that is present. */
const ON_BUCKET: Table = {
  'PUT ': 'CreateBucket',
  'DELETE ': 'DeleteBucket',
  'HEAD ': 'HeadBucket',
  'GET ': 'ListObjects',
  'GET list-type': 'ListObjectsV2',
  'GET versions': 'ListObjectVersions',
  'GET uploads': 'ListMultipartUploads',
  'GET location': 'GetBucketLocation',
  'GET versioning': 'GetBucketVersioning',
  'PUT versioning': 'PutBucketVersioning',
  'GET publicAccessBlock': 'GetPublicAccessBlock',
  'PUT publicAccessBlock': 'PutPublicAccessBlock',
  'DELETE publicAccessBlock': 'DeletePublicAccessBlock',
  'GET policy': 'GetBucketPolicy',
  'PUT policy': 'PutBucketPolicy',
  'GET policyStatus': 'GetBucketPolicyStatus',
  'POST delete': 'DeleteObjects',
};

const ON_KEY: Table = {
  'PUT ': 'PutObject',
  'GET ': 'GetObject',
  'HEAD ': 'HeadObject',
  'DELETE ': 'DeleteObject',
  'POST uploads': 'CreateMultipartUpload',
  'PUT uploadId': 'UploadPart',
  'GET uploadId': 'ListParts',
  'POST uploadId': 'CompleteMultipartUpload',
  'DELETE uploadId': 'AbortMultipartUpload',
  'GET tagging': 'GetObjectTagging',
  'PUT tagging': 'PutObjectTagging',
  'DELETE tagging': 'DeleteObjectTagging',
};

/** Every query name that turns a request into another one, known to this server or not. */
const SUBRESOURCES = [
  'list-type',
  'versions',
  'uploads',
  'uploadId',
  'location',
  'versioning',
  'publicAccessBlock',
  'policyStatus',
  'policy',
  'delete',
  'tagging',
  'acl',
  'accelerate',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'torrent',
  'website',
];

/** Undefined for what this server does not know. */
export function operationOf(target: Target): S3Operation | 'sts' | undefined {
  const { bucket, key } = addressOf(target);
  const { method, query } = target;
  if (bucket === undefined) return method === 'GET' ? 'ListBuckets' : method === 'POST' ? 'sts' : undefined;
  const subresource = SUBRESOURCES.find((name) => query.has(name)) ?? '';
  const operation = (key === '' ? ON_BUCKET : ON_KEY)[`${method} ${subresource}`];
  if (target.headers['x-amz-copy-source'] === undefined) return operation;
  return operation === 'PutObject' ? 'CopyObject' : operation === 'UploadPart' ? 'UploadPartCopy' : operation;
}
