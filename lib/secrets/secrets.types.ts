/**
 * The words of secrets, as they cross the API and as the rest of the system reads them.
 *
 * Snake case because these are the names of the wire format, and of the application that this grew from. Types that end
 * in `View` go out of the API and MUST never gain a field that holds a secret.
 */
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';

export const SECRET_PROVIDERS = ['aws', 'lambda', 'runpod', 'huggingface'] as const;
export type SecretProvider = (typeof SECRET_PROVIDERS)[number];

/**
 * untested: stored on request although the test could not be finished. active: the one version in use.
 * superseded: replaced, kept while replicas still need it. failed: stored on request, never used. deleted: content erased.
 */
export type SecretState = 'untested' | 'active' | 'superseded' | 'failed' | 'deleted';

export const DEFAULT_REGION = 'us-east-1';

export interface AWSMetadata {
  /** Present with an access key id, absent where `role_arn` is assumed with the installation's own identity. */
  secret_access_key?: string;
  s3_bucket: string;
  /** Default us-east-1. */
  region?: string;
  /** Only for stores that are not AWS, e.g. `https://minio.example.org`. */
  endpoint?: string;
  role_arn?: string;
  /** Made by Longshore, one for each user: nobody else can have us assume their role. */
  external_id: string;
  /** The execution role that SageMaker training jobs run under. */
  sagemaker_role_arn?: string;
}

export interface HuggingFaceMetadata {
  username?: string;
}

export interface LambdaMetadata {
  /** Name of an SSH key registered at Lambda Cloud. */
  ssh_key_name?: string;
}

export interface ProviderMetadata {
  aws?: AWSMetadata;
  huggingface?: HuggingFaceMetadata;
  lambda?: LambdaMetadata;
}

/** What is encrypted, by provider. `api_key` of AWS is the access key id. */
export interface SecretContents {
  aws: { api_key?: string; metadata: { aws: AWSMetadata } };
  lambda: { api_key: string; metadata: Pick<ProviderMetadata, 'lambda'> };
  runpod: { api_key: string; metadata: Record<string, never> };
  huggingface: { api_key: string; metadata: Pick<ProviderMetadata, 'huggingface'> };
}
export type SecretContent<P extends SecretProvider = SecretProvider> = SecretContents[P];

/** One decrypted version. Lives in memory only, for as short a time as possible, and is never logged. */
export type Secret<P extends SecretProvider = SecretProvider> = SecretContents[P] & {
  id: string;
  user_id: string;
  provider: P;
  version: number;
  state: SecretState;
};

export interface AWSMetadataView {
  s3_bucket: string;
  region: string;
  endpoint: string | null;
  role_arn: string | null;
  external_id: string;
  sagemaker_role_arn: string | null;
}

export interface ProviderMetadataView {
  aws?: AWSMetadataView;
  huggingface?: HuggingFaceMetadata;
  lambda?: LambdaMetadata;
}

export interface SecretView {
  id: string;
  provider: SecretProvider;
  version: number;
  state: SecretState;
  /** Of the access key id or API key; null where a role alone is used. */
  last_four: string | null;
  metadata: ProviderMetadataView;
  /** What its last test found. */
  report: DoctorReport | null;
  tested_at: string | null;
  created_at: string;
  updated_at: string;
}

export interface DependentDataset {
  id: string;
  name: string;
}

/** What needs a secret. `sole_copies` names at most 100; `sole_copy_count` counts all. */
export interface SecretUsageView {
  replica_count: number;
  dataset_count: number;
  sole_copy_count: number;
  sole_copies: DependentDataset[];
}

/** The region that counts, with the default filled in. */
export function regionOf(aws: Pick<AWSMetadata, 'region'>): string {
  return aws.region ?? DEFAULT_REGION;
}
