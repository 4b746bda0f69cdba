import type { S3Profile, S3ProfileName } from '@/lib/storage/s3-profile.ts';

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** When a session ends. URLs signed with it end then too, whatever their own expiry. */
  expiresAt?: Date;
}

/** `sse-kms` without a key id uses the account's own key for S3. */
export type S3Encryption = { type: 'sse-s3' } | { type: 'sse-kms'; keyId?: string; bucketKey?: boolean };

export interface S3StoreConfig {
  bucket: string;
  /** Default us-east-1. Stores without regions take any. */
  region?: string;
  /** Undefined: AWS itself. */
  endpoint?: string;
  /** Fixed keys, or a function that renews session keys before they end (and caches them itself). */
  credentials: S3Credentials | (() => Promise<S3Credentials>);
  /** Default: known from the endpoint's name, else `generic`. */
  profile?: S3ProfileName | S3Profile;
  encryption?: S3Encryption;
  /** The bucket keeps versions. Default false; `connectS3` finds out. */
  versioned?: boolean;
  /** Least size of a part. Default 8 MiB; 5 MiB is the least that S3 takes. */
  partSizeBytes?: number;
  /** Parts of one upload at a time. Default 4. */
  parallelParts?: number;
}

export const DEFAULT_REGION = 'us-east-1';

/** The endpoint of AWS in a region, written out so that no file or variable on this machine can redirect us. */
export function awsEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

export async function credentialsOf(config: S3StoreConfig): Promise<S3Credentials> {
  return typeof config.credentials === 'function' ? config.credentials() : config.credentials;
}
