import { z } from 'zod';
import { parseBytes, parseDurationMs } from './units.ts';

/**
 * Each environment variable: how it is read, and an example of a right value. An empty value counts as not set, so that
 * `FOO=` in an env file means the default.
 */
const bytes = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .transform((text, context) => parseBytes(text) ?? fail(context, 'is not a size'))
    .refine((value) => value >= min, `must be at least ${min} bytes`)
    .refine((value) => value <= max, `must be at most ${max} bytes`);

const duration = (minMs: number) =>
  z
    .string()
    .transform((text, context) => parseDurationMs(text) ?? fail(context, 'is not a duration'))
    .refine((value) => value >= minMs, `must be at least ${minMs} ms`);

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);

const flag = z
  .string()
  .toLowerCase()
  .refine((text) => ['1', 'true', 'yes', 'on', '0', 'false', 'no', 'off'].includes(text), 'must be true or false')
  .transform((text) => ['1', 'true', 'yes', 'on'].includes(text));

const webUrl = z
  .string()
  .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), 'must be an address that starts with https://')
  .transform((text) => new URL(text));

const postgresUrl = z
  .string()
  .refine((text) => /^postgres(ql)?:\/\//i.test(text) && URL.canParse(text), 'must be a postgres:// address');

const hexKey = z.string().regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits (32 bytes)');
const bucket = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'is not a bucket name');

function fail(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

interface Variable<T extends z.ZodType = z.ZodType> {
  schema: T;
  example: string;
}

const variable = <T extends z.ZodType>(schema: T, example: string): Variable<T> => ({ schema, example });

export const VARIABLES = {
  PORT: variable(whole(0, 65_535), 'PORT=3000'),
  HOST: variable(z.string().regex(/^[A-Za-z0-9.:_-]+$/, 'is not a host or address'), 'HOST=127.0.0.1'),
  PUBLIC_URL: variable(webUrl, 'PUBLIC_URL=https://longshore.example.org'),
  DATA_DIR: variable(z.string(), 'DATA_DIR=./data'),
  SPOOL_DIR: variable(z.string(), 'SPOOL_DIR=./data/spool'),
  DATABASE_URL: variable(postgresUrl, 'DATABASE_URL=postgres://user:password@host:5432/longshore'),
  DATABASE_POOL_SIZE: variable(whole(1, 200), 'DATABASE_POOL_SIZE=10'),
  ENCRYPTION_KEY: variable(hexKey, 'make one with: openssl rand -hex 32'),
  ENCRYPTION_KEYS_PREVIOUS: variable(
    z
      .string()
      .transform((text) => text.split(/[\s,]+/).filter((part) => part !== ''))
      .pipe(z.array(hexKey)),
    'ENCRYPTION_KEYS_PREVIOUS=<64 hexadecimal digits>,<64 hexadecimal digits>',
  ),
  SUPABASE_URL: variable(webUrl, 'SUPABASE_URL=https://abcdefghijklmnopqrst.supabase.co'),
  NEXT_PUBLIC_SUPABASE_URL: variable(webUrl, 'NEXT_PUBLIC_SUPABASE_URL=https://abcdefghijklmnopqrst.supabase.co'),
  SUPABASE_SERVICE_ROLE_KEY: variable(
    z.string().min(20, 'is too short to be a key'),
    "SUPABASE_SERVICE_ROLE_KEY=<the service_role key from the project's API settings>",
  ),
  SUPABASE_JWT_SECRET: variable(
    z.string().min(32, 'must have at least 32 characters'),
    "SUPABASE_JWT_SECRET=<the legacy JWT secret from the project's API settings>",
  ),
  SUPABASE_STORAGE_BUCKET: variable(bucket, 'SUPABASE_STORAGE_BUCKET=training-datasets'),
  S3_BUCKET: variable(bucket, 'S3_BUCKET=my-training-datasets'),
  AWS_REGION: variable(z.string().regex(/^[a-z0-9-]+$/, 'is not a region'), 'AWS_REGION=us-east-1'),
  AWS_DEFAULT_REGION: variable(z.string().regex(/^[a-z0-9-]+$/, 'is not a region'), 'AWS_DEFAULT_REGION=us-east-1'),
  AWS_ACCESS_KEY_ID: variable(z.string().min(3, 'is too short'), 'AWS_ACCESS_KEY_ID=<access key id>'),
  AWS_SECRET_ACCESS_KEY: variable(z.string().min(3, 'is too short'), 'AWS_SECRET_ACCESS_KEY=<secret access key>'),
  AWS_SESSION_TOKEN: variable(z.string(), 'AWS_SESSION_TOKEN=<session token>'),
  AWS_ENDPOINT_URL_S3: variable(webUrl, 'AWS_ENDPOINT_URL_S3=https://s3.example.org'),
  AWS_ENDPOINT_URL: variable(webUrl, 'AWS_ENDPOINT_URL=https://s3.example.org'),
  AWS_ENDPOINT_URL_STS: variable(webUrl, 'AWS_ENDPOINT_URL_STS=https://sts.example.org'),
  AWS_ENDPOINT_URL_SAGEMAKER: variable(webUrl, 'AWS_ENDPOINT_URL_SAGEMAKER=https://sagemaker.example.org'),
  RUNPOD_API_URL: variable(webUrl, 'RUNPOD_API_URL=https://api.runpod.io/v2'),
  LAMBDA_API_URL: variable(webUrl, 'LAMBDA_API_URL=https://cloud.lambda.ai/api/v1'),
  HUGGINGFACE_API_URL: variable(webUrl, 'HUGGINGFACE_API_URL=https://huggingface.co/api'),
  AUTH_MODE: variable(z.enum(['local', 'supabase'], 'must be local or supabase'), 'AUTH_MODE=local'),
  LOG_LEVEL: variable(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'is not a log level'),
    'LOG_LEVEL=info (fatal, error, warn, info, debug, trace, silent)',
  ),
  MAX_UPLOAD_BYTES: variable(bytes(1), 'MAX_UPLOAD_BYTES=50GiB'),
  MAX_RECORD_BYTES: variable(bytes(1024, 512 * 2 ** 20), 'MAX_RECORD_BYTES=32MiB'),
  GZIP_LEVEL: variable(whole(1, 9), 'GZIP_LEVEL=5'),
  DAG_MAX_DATASET_BYTES: variable(bytes(1), 'DAG_MAX_DATASET_BYTES=500MiB'),
  ALLOW_PRIVATE_ENDPOINTS: variable(flag, 'ALLOW_PRIVATE_ENDPOINTS=false'),
  INGEST_CONCURRENCY: variable(whole(1, 64), 'INGEST_CONCURRENCY=4'),
  INGEST_THREADS: variable(whole(1, 64), 'INGEST_THREADS=2'),
  DISK_RESERVE_BYTES: variable(bytes(0), 'DISK_RESERVE_BYTES=1GiB'),
  ADOPT_BYTES_PER_SECOND: variable(bytes(64 * 1024), 'ADOPT_BYTES_PER_SECOND=20MiB'),
  SCRUB_BYTES_PER_SECOND: variable(bytes(64 * 1024), 'SCRUB_BYTES_PER_SECOND=20MiB'),
  SCRUB_INTERVAL: variable(duration(60_000), 'SCRUB_INTERVAL=30d'),
  JOB_LOG_RETENTION: variable(duration(60_000), 'JOB_LOG_RETENTION=90d'),
  TRUST_PROXY: variable(flag, 'TRUST_PROXY=false'),
  UPLOAD_IDLE_TIMEOUT: variable(duration(100), 'UPLOAD_IDLE_TIMEOUT=60s'),
  SHUTDOWN_TIMEOUT: variable(duration(0), 'SHUTDOWN_TIMEOUT=30s'),
  MAX_CONNECTIONS: variable(whole(8, 100_000), 'MAX_CONNECTIONS=2000'),
} as const;

export type VariableName = keyof typeof VARIABLES;

/** What the environment says, each value read and checked, absent ones undefined. */
export type Values = { [Name in VariableName]: z.output<(typeof VARIABLES)[Name]['schema']> | undefined };
