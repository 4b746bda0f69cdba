import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, type ConfigFault } from './config-error.ts';
import { VARIABLES, type Values, type VariableName } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type LogLevel = NonNullable<Values['LOG_LEVEL']>;

/** Everything that can be set, read once. Sizes in bytes, times in milliseconds, folders absolute. */
export interface Config {
  host: string;
  /** 0: any free port. */
  port: number;
  /** The address under which people reach this installation; undefined: as they called it. */
  publicUrl: URL | undefined;
  /** A proxy of ours stands in front: the last X-Forwarded-For entry is the client. */
  trustProxy: boolean;
  dataDir: string;
  spoolDir: string;
  database: DatabaseConfig;
  encryption: EncryptionConfig;
  supabase: SupabaseConfig | undefined;
  platformBucket: PlatformBucketConfig | undefined;
  /** Who this installation is at AWS, to assume the roles of users. Undefined without keys of its own. */
  awsIdentity: AwsIdentityConfig | undefined;
  /** Undefined: where the provider itself has it. */
  providerUrls: {
    runpod: URL | undefined;
    lambda: URL | undefined;
    huggingface: URL | undefined;
    sagemaker: URL | undefined;
  };
  auth: AuthConfig;
  logLevel: LogLevel;
  limits: Limits;
  scrub: ScrubConfig;
  adoption: AdoptionConfig;
  /** How long logs and metrics of a training job are kept after it ended. */
  jobLogRetentionMs: number;
  allowPrivateEndpoints: boolean;
  http: HttpConfig;
}

export type DatabaseConfig = { kind: 'embedded' } | { kind: 'postgres'; url: string; poolSize: number };

export interface EncryptionConfig {
  /** 64 hex digits; undefined: kept in DATA_DIR/secret.key. */
  key: string | undefined;
  /** Keys that were replaced and may still open older secrets. */
  previousKeys: readonly string[];
}

/** Present when Supabase Storage is the base store. */
export interface SupabaseConfig {
  url: URL;
  serviceRoleKey: string;
  storageBucket: string;
}

export interface PlatformBucketConfig {
  bucket: string;
  region: string;
  endpoint: URL | undefined;
  /** Undefined: whatever the machine's role gives. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined } | undefined;
}

export interface AwsIdentityConfig {
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined };
  region: string;
  /** Undefined: AWS's own, in the region. */
  stsEndpoint: URL | undefined;
}

export type AuthConfig =
  | { mode: 'local' }
  | {
      mode: 'supabase';
      url: URL;
      /** Undefined: keys of the project's JWKS. */
      jwtSecret: string | undefined;
    };

export interface Limits {
  maxUploadBytes: number;
  maxRecordBytes: number;
  gzipLevel: number;
  dagMaxDatasetBytes: number;
  ingestConcurrency: number;
  ingestThreads: number;
  /** Free disk below which uploads are refused. */
  diskReserveBytes: number;
}

export interface ScrubConfig {
  /** Of all processes together. */
  bytesPerSecond: number;
  /** How long ago a copy may have been read back before it is read again. */
  intervalMs: number;
}

export interface AdoptionConfig {
  /** How fast one process reads datasets from before Longshore for the first time. */
  bytesPerSecond: number;
}

export interface HttpConfig {
  /** How long a client may leave us waiting for the next byte, in either direction. */
  idleTimeoutMs: number;
  /** How long running requests and jobs may go on after a stop was asked for. */
  shutdownTimeoutMs: number;
  maxConnections: number;
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/**
 * Reads the environment.
 * @throws ConfigError with every fault, none of which shows a value
 */
export function readConfig(env: Environment = process.env): Config {
  const { values, faults } = readValues(env);
  const all = [...faults, ...contradictions(values, env)];
  if (all.length > 0) throw new ConfigError(all);
  return assemble(values);
}

function readValues(env: Environment): { values: Partial<Values>; faults: ConfigFault[] } {
  const faults: ConfigFault[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, { schema, example }] of Object.entries(VARIABLES)) {
    const text = env[name]?.trim();
    if (text === undefined || text === '') continue;
    const result = schema.safeParse(text);
    if (result.success) values[name] = result.data;
    else faults.push({ variable: name, problem: result.error.issues[0]?.message ?? 'is not valid', example });
  }
  return { values, faults };
}

/** Settings that are right alone and wrong together. A variable that is set but unreadable counts as set. */
function contradictions(values: Partial<Values>, env: Environment): ConfigFault[] {
  const given = (name: VariableName) => (env[name]?.trim() ?? '') !== '';
  const needs = (name: VariableName, problem: string) => ({
    variable: name,
    problem,
    example: VARIABLES[name].example,
  });
  const supabaseUrl = given('SUPABASE_URL') || given('NEXT_PUBLIC_SUPABASE_URL');
  const faults: (ConfigFault | false)[] = [
    given('DATABASE_URL') &&
      !given('ENCRYPTION_KEY') &&
      needs('ENCRYPTION_KEY', 'is required with DATABASE_URL, because several machines must share it'),
    given('SUPABASE_SERVICE_ROLE_KEY') &&
      !supabaseUrl &&
      needs('SUPABASE_URL', 'is required with SUPABASE_SERVICE_ROLE_KEY'),
    given('SUPABASE_STORAGE_BUCKET') &&
      !given('SUPABASE_SERVICE_ROLE_KEY') &&
      needs('SUPABASE_SERVICE_ROLE_KEY', 'is required with SUPABASE_STORAGE_BUCKET'),
    values.AUTH_MODE === 'supabase' && !supabaseUrl && needs('SUPABASE_URL', 'is required with AUTH_MODE=supabase'),
    given('AWS_ACCESS_KEY_ID') &&
      !given('AWS_SECRET_ACCESS_KEY') &&
      needs('AWS_SECRET_ACCESS_KEY', 'is required with AWS_ACCESS_KEY_ID'),
    given('AWS_SECRET_ACCESS_KEY') &&
      !given('AWS_ACCESS_KEY_ID') &&
      needs('AWS_ACCESS_KEY_ID', 'is required with AWS_SECRET_ACCESS_KEY'),
  ];
  return faults.filter((fault) => fault !== false);
}

function assemble(values: Partial<Values>): Config {
  const dataDir = resolve(values.DATA_DIR ?? 'data');
  return {
    host: values.HOST ?? '127.0.0.1',
    port: values.PORT ?? 3000,
    publicUrl: values.PUBLIC_URL,
    trustProxy: values.TRUST_PROXY ?? false,
    dataDir,
    spoolDir: values.SPOOL_DIR === undefined ? join(dataDir, 'spool') : resolve(values.SPOOL_DIR),
    database: databaseOf(values),
    encryption: { key: values.ENCRYPTION_KEY?.toLowerCase(), previousKeys: values.ENCRYPTION_KEYS_PREVIOUS ?? [] },
    supabase: supabaseOf(values),
    platformBucket: platformBucketOf(values),
    awsIdentity: awsIdentityOf(values),
    providerUrls: {
      runpod: values.RUNPOD_API_URL,
      lambda: values.LAMBDA_API_URL,
      huggingface: values.HUGGINGFACE_API_URL,
      sagemaker: values.AWS_ENDPOINT_URL_SAGEMAKER,
    },
    auth: authOf(values),
    logLevel: values.LOG_LEVEL ?? 'info',
    limits: limitsOf(values),
    scrub: {
      bytesPerSecond: values.SCRUB_BYTES_PER_SECOND ?? 20 * MIB,
      intervalMs: values.SCRUB_INTERVAL ?? 30 * 24 * 3_600_000,
    },
    jobLogRetentionMs: values.JOB_LOG_RETENTION ?? 90 * 24 * 3_600_000,
    adoption: { bytesPerSecond: values.ADOPT_BYTES_PER_SECOND ?? 20 * MIB },
    allowPrivateEndpoints: values.ALLOW_PRIVATE_ENDPOINTS ?? false,
    http: {
      idleTimeoutMs: values.UPLOAD_IDLE_TIMEOUT ?? 60_000,
      shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT ?? 30_000,
      maxConnections: values.MAX_CONNECTIONS ?? 2000,
    },
  };
}

/**
 * Where people reach this installation.
 * @param port the one that is really listened on, where PORT is 0
 */
export function configuredBaseUrl({ publicUrl, host, port: wanted }: Config, port = wanted): URL {
  if (publicUrl !== undefined) return publicUrl;
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return new URL(`http://${name}:${port}`);
}

function databaseOf(values: Partial<Values>): DatabaseConfig {
  if (values.DATABASE_URL === undefined) return { kind: 'embedded' };
  return { kind: 'postgres', url: values.DATABASE_URL, poolSize: values.DATABASE_POOL_SIZE ?? 10 };
}

function supabaseOf(values: Partial<Values>): SupabaseConfig | undefined {
  const url = values.SUPABASE_URL ?? values.NEXT_PUBLIC_SUPABASE_URL;
  const serviceRoleKey = values.SUPABASE_SERVICE_ROLE_KEY;
  if (url === undefined || serviceRoleKey === undefined) return undefined;
  return { url, serviceRoleKey, storageBucket: values.SUPABASE_STORAGE_BUCKET ?? 'training-datasets' };
}

function platformBucketOf(values: Partial<Values>): PlatformBucketConfig | undefined {
  if (values.S3_BUCKET === undefined) return undefined;
  return {
    bucket: values.S3_BUCKET,
    region: regionOf(values),
    endpoint: values.AWS_ENDPOINT_URL_S3 ?? values.AWS_ENDPOINT_URL,
    credentials: awsKeysOf(values),
  };
}

/** Keys of a store that is not AWS are no identity at AWS, unless that store has an STS of its own. */
function awsIdentityOf(values: Partial<Values>): AwsIdentityConfig | undefined {
  const credentials = awsKeysOf(values);
  const stsEndpoint = values.AWS_ENDPOINT_URL_STS ?? values.AWS_ENDPOINT_URL;
  if (credentials === undefined) return undefined;
  if (values.AWS_ENDPOINT_URL_S3 !== undefined && stsEndpoint === undefined) return undefined;
  return { credentials, region: regionOf(values), stsEndpoint };
}

function awsKeysOf(values: Partial<Values>): AwsIdentityConfig['credentials'] | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values;
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: values.AWS_SESSION_TOKEN };
}

function regionOf(values: Partial<Values>): string {
  return values.AWS_REGION ?? values.AWS_DEFAULT_REGION ?? 'us-east-1';
}

function authOf(values: Partial<Values>): AuthConfig {
  const url = values.SUPABASE_URL ?? values.NEXT_PUBLIC_SUPABASE_URL;
  if (values.AUTH_MODE !== 'supabase' || url === undefined) return { mode: 'local' };
  return { mode: 'supabase', url, jwtSecret: values.SUPABASE_JWT_SECRET };
}

function limitsOf(values: Partial<Values>): Limits {
  return {
    maxUploadBytes: values.MAX_UPLOAD_BYTES ?? 50 * GIB,
    maxRecordBytes: values.MAX_RECORD_BYTES ?? 32 * MIB,
    gzipLevel: values.GZIP_LEVEL ?? 5,
    dagMaxDatasetBytes: values.DAG_MAX_DATASET_BYTES ?? 500 * MIB,
    ingestConcurrency: values.INGEST_CONCURRENCY ?? 4,
    ingestThreads: values.INGEST_THREADS ?? availableParallelism(),
    diskReserveBytes: values.DISK_RESERVE_BYTES ?? 512 * MIB,
  };
}

/**
 * The AWS SDK announces at its first use that releases of 2027 will need Node 22. We pin its version and know; people who
 * read our logs should not have to.
 */
export function silenceSdkNotice(env: NodeJS.ProcessEnv = process.env): void {
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
}
