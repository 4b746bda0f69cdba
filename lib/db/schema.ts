/**
 * The tables of supabase/migrations as drizzle sees them. The SQL files are the truth; a test compares every column of
 * both. Byte counts are numbers: JavaScript holds them exactly up to 8 PiB.
 */
import { sql } from 'drizzle-orm';
import { boolean, integer, jsonb, pgTable, primaryKey, real, text } from 'drizzle-orm/pg-core';
import type { BlockIndex, IngestReport, Kind } from '@/lib/ingest/types.ts';
import {
  bytea,
  bytes,
  createdAt,
  instant,
  type JsonObject,
  longshore,
  type ProviderName,
  updatedAt,
} from './column-types.ts';

export * from './adoption-schema.ts';
export * from './migration-schema.ts';
export * from './training-schema.ts';
export type { JsonObject, ProviderName };

export type DatasetStatus = 'uploading' | 'ready' | 'failed';
export type ReplicaState = 'pending' | 'completed' | 'failed' | 'missing' | 'corrupt' | 'deleting';
export type SecretProvider = 'aws' | 'lambda' | 'runpod' | 'huggingface';
export type SecretState = 'untested' | 'active' | 'superseded' | 'failed' | 'deleted';
export type PhaseName = 'base_only' | 'dual_write' | 'hybrid_read' | 's3_primary';
export type JobState = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
export type UploadStatus = 'receiving' | 'processing' | 'ready' | 'failed' | 'expired';

/**
 * In a database from before Longshore `id` and `user_id` may be uuid columns: bind values as usual, but write
 * `training_datasets.id::text` to compare with a text column. `created_at` may be null in old rows.
 */
export const trainingDatasets = pgTable('training_datasets', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull(),
  name: text('name').notNull(),
  description: text('description'),
  /** Source format found. */
  format: text('format').notNull(),
  /** Size of the object, compressed. */
  fileSizeBytes: bytes('file_size_bytes'),
  totalExamples: integer('total_examples'),
  avgInputLength: real('avg_input_length'),
  avgOutputLength: real('avg_output_length'),
  storagePath: text('storage_path').notNull(),
  metadata: jsonb('metadata').$type<JsonObject>(),
  createdAt: instant('created_at').default(sql`now()`),
  kind: text('kind').$type<Kind>(),
  status: text('status').$type<DatasetStatus>().notNull().default('ready'),
  storageProvider: text('storage_provider'),
  contentSha256: text('content_sha256'),
  objectSha256: text('object_sha256'),
  sourceSha256: text('source_sha256'),
  originalSizeBytes: bytes('original_size_bytes'),
  contentSizeBytes: bytes('content_size_bytes'),
  blockIndex: jsonb('block_index').$type<BlockIndex>(),
  attempt: integer('attempt').notNull().default(0),
  updatedAt: updatedAt(),
  deletedAt: instant('deleted_at'),
});

export const installation = longshore.table('installation', {
  singleton: boolean('singleton').primaryKey().default(true),
  id: text('id').notNull(),
  createdAt: createdAt(),
});

export const users = longshore.table('users', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  role: text('role').$type<'admin' | 'member'>().notNull().default('member'),
  createdAt: createdAt(),
  disabledAt: instant('disabled_at'),
});

export const apiKeys = longshore.table('api_keys', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull(),
  name: text('name').notNull(),
  keySha256: text('key_sha256').notNull(),
  lastFour: text('last_four').notNull(),
  createdAt: createdAt(),
  lastUsedAt: instant('last_used_at'),
  expiresAt: instant('expires_at'),
  revokedAt: instant('revoked_at'),
});

export const sessions = longshore.table('sessions', {
  tokenSha256: text('token_sha256').primaryKey(),
  userId: text('user_id').notNull(),
  apiKeyId: text('api_key_id'),
  createdAt: createdAt(),
  expiresAt: instant('expires_at').notNull(),
});

export const secrets = longshore.table('secrets', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull(),
  provider: text('provider').$type<SecretProvider>().notNull(),
  version: integer('version').notNull(),
  state: text('state').$type<SecretState>().notNull(),
  ciphertext: bytea('ciphertext'),
  wrappedKey: bytea('wrapped_key'),
  keyId: text('key_id'),
  lastFour: text('last_four'),
  publicMetadata: jsonb('public_metadata').$type<JsonObject>().notNull().default({}),
  testReport: jsonb('test_report').$type<JsonObject>(),
  testedAt: instant('tested_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const datasetReplicas = longshore.table('dataset_replicas', {
  id: text('id').primaryKey(),
  datasetId: text('dataset_id').notNull(),
  userId: text('user_id').notNull(),
  provider: text('provider').$type<ProviderName>().notNull(),
  endpoint: text('endpoint'),
  region: text('region'),
  bucket: text('bucket').notNull(),
  objectKey: text('object_key').notNull(),
  generation: integer('generation').notNull().default(0),
  versionId: text('version_id'),
  secretId: text('secret_id'),
  state: text('state').$type<ReplicaState>().notNull(),
  attempt: integer('attempt').notNull().default(0),
  preferred: boolean('preferred').notNull().default(true),
  sizeBytes: bytes('size_bytes'),
  objectSha256: text('object_sha256'),
  uploadState: jsonb('upload_state').$type<JsonObject>(),
  errorCode: text('error_code'),
  errorMessage: text('error_message'),
  completedAt: instant('completed_at'),
  verifiedAt: instant('verified_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const spools = longshore.table('spools', {
  datasetId: text('dataset_id').primaryKey(),
  userId: text('user_id').notNull(),
  hostId: text('host_id').notNull(),
  fileName: text('file_name').notNull(),
  sizeBytes: bytes('size_bytes').notNull(),
  objectSha256: text('object_sha256').notNull(),
  attempt: integer('attempt').notNull(),
  leaseOwner: text('lease_owner'),
  leaseUntil: instant('lease_until').notNull(),
  createdAt: createdAt(),
});

export const datasetReports = longshore.table('dataset_reports', {
  datasetId: text('dataset_id').primaryKey(),
  userId: text('user_id').notNull(),
  report: jsonb('report').$type<IngestReport>().notNull(),
  createdAt: createdAt(),
});

export const tombstones = longshore.table('tombstones', {
  id: text('id').primaryKey(),
  datasetId: text('dataset_id').notNull(),
  userId: text('user_id').notNull(),
  provider: text('provider').$type<ProviderName>().notNull(),
  endpoint: text('endpoint'),
  region: text('region'),
  bucket: text('bucket').notNull(),
  objectKey: text('object_key').notNull(),
  secretId: text('secret_id'),
  uploadState: jsonb('upload_state').$type<JsonObject>(),
  reason: text('reason').notNull(),
  checkAfter: instant('check_after').notNull(),
  checks: integer('checks').notNull().default(0),
  createdAt: createdAt(),
  doneAt: instant('done_at'),
});

export const phases = longshore.table('phases', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  phase: text('phase').$type<PhaseName>().notNull(),
  enteredAt: instant('entered_at').notNull().default(sql`now()`),
  actor: text('actor').notNull(),
  forced: boolean('forced').notNull().default(false),
  reason: text('reason'),
  gates: jsonb('gates').$type<JsonObject>(),
});

export const currentPhase = longshore.table('current_phase', {
  singleton: boolean('singleton').primaryKey().default(true),
  phaseId: integer('phase_id').notNull(),
});

export const jobs = longshore.table('jobs', {
  id: text('id').primaryKey(),
  type: text('type').notNull(),
  payload: jsonb('payload').$type<JsonObject>().notNull().default({}),
  userId: text('user_id'),
  dedupeKey: text('dedupe_key'),
  state: text('state').$type<JobState>().notNull().default('queued'),
  priority: integer('priority').notNull().default(0),
  runAt: instant('run_at').notNull().default(sql`now()`),
  attempts: integer('attempts').notNull().default(0),
  maxAttempts: integer('max_attempts').notNull().default(10),
  fence: integer('fence').notNull().default(0),
  leaseOwner: text('lease_owner'),
  leaseUntil: instant('lease_until'),
  cancelRequested: boolean('cancel_requested').notNull().default(false),
  runAgain: boolean('run_again').notNull().default(false),
  progress: jsonb('progress').$type<JsonObject>(),
  result: jsonb('result').$type<unknown>(),
  error: jsonb('error').$type<JsonObject>(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  finishedAt: instant('finished_at'),
});

export const schedules = longshore.table('schedules', {
  name: text('name').primaryKey(),
  jobType: text('job_type').notNull(),
  payload: jsonb('payload').$type<JsonObject>().notNull().default({}),
  everyMs: bytes('every_ms').notNull(),
  nextRunAt: instant('next_run_at').notNull(),
  lastRunAt: instant('last_run_at'),
});

export const scrubRuns = longshore.table('scrub_runs', {
  id: text('id').primaryKey(),
  userId: text('user_id'),
  requestedBy: text('requested_by').notNull(),
  readBefore: instant('read_before').notNull(),
  retryBefore: instant('retry_before').notNull(),
  totalReplicas: integer('total_replicas').notNull(),
  totalBytes: bytes('total_bytes').notNull(),
  checkedReplicas: integer('checked_replicas').notNull().default(0),
  checkedBytes: bytes('checked_bytes').notNull().default(0),
  same: integer('same').notNull().default(0),
  missing: integer('missing').notNull().default(0),
  corrupt: integer('corrupt').notNull().default(0),
  errors: integer('errors').notNull().default(0),
  startedAt: instant('started_at').notNull().default(sql`now()`),
  finishedAt: instant('finished_at'),
});

export const scrubFindings = longshore.table('scrub_findings', {
  id: bytes('id').primaryKey().generatedAlwaysAsIdentity(),
  runId: text('run_id').notNull(),
  userId: text('user_id').notNull(),
  datasetId: text('dataset_id').notNull(),
  provider: text('provider').$type<ProviderName>().notNull(),
  bucket: text('bucket').notNull(),
  objectKey: text('object_key').notNull(),
  outcome: text('outcome').$type<'missing' | 'corrupt' | 'error'>().notNull(),
  errorCode: text('error_code'),
  at: instant('at').notNull().default(sql`now()`),
});

export const scrubMarks = longshore.table('scrub_marks', {
  replicaId: text('replica_id').primaryKey(),
  lookedAt: instant('looked_at'),
  failed: boolean('failed').notNull().default(false),
  leaseOwner: text('lease_owner'),
  leaseUntil: instant('lease_until'),
});

export const scrubPace = longshore.table('scrub_pace', {
  singleton: boolean('singleton').primaryKey().default(true),
  freeAt: instant('free_at').notNull(),
});

export const uploads = longshore.table('uploads', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull(),
  hostId: text('host_id').notNull(),
  status: text('status').$type<UploadStatus>().notNull(),
  sizeBytes: bytes('size_bytes'),
  name: text('name'),
  description: text('description'),
  format: text('format'),
  metadata: jsonb('metadata').$type<JsonObject>(),
  datasetId: text('dataset_id'),
  problem: jsonb('problem').$type<JsonObject>(),
  leaseOwner: text('lease_owner'),
  leaseUntil: instant('lease_until'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const idempotencyKeys = longshore.table(
  'idempotency_keys',
  {
    userId: text('user_id').notNull(),
    key: text('key').notNull(),
    requestSha256: text('request_sha256'),
    datasetId: text('dataset_id'),
    statusCode: integer('status_code'),
    response: jsonb('response').$type<JsonObject>(),
    leaseOwner: text('lease_owner'),
    leaseUntil: instant('lease_until'),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.key] })],
);

/** What lay in one bucket when a sample was taken. */
export interface StoreSample {
  provider: ProviderName;
  endpoint: string | null;
  bucket: string;
  /** Completed ones, and their bytes. */
  copies: number;
  bytes: number;
  /** Missing, corrupt or failed ones. */
  bad: number;
  verified_lately: number;
  /** Null where nobody had asked the store. */
  answers: boolean | null;
}

export const storageSamples = longshore.table(
  'storage_samples',
  {
    userId: text('user_id').notNull(),
    at: instant('at').notNull(),
    datasets: integer('datasets').notNull(),
    bytes: bytes('bytes').notNull(),
    noneVerified: integer('none_verified').notNull(),
    oneVerified: integer('one_verified').notNull(),
    twoOrMoreVerified: integer('two_or_more_verified').notNull(),
    stores: jsonb('stores').$type<StoreSample[]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.at] })],
);

export const auditLog = longshore.table('audit_log', {
  id: bytes('id').primaryKey().generatedAlwaysAsIdentity(),
  at: instant('at').notNull().default(sql`now()`),
  userId: text('user_id'),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  subject: text('subject'),
  requestId: text('request_id'),
  details: jsonb('details').$type<JsonObject>(),
});
