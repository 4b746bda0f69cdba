import { sql } from 'drizzle-orm';
import { integer, jsonb, text } from 'drizzle-orm/pg-core';
import { bytes, createdAt, instant, type JsonObject, longshore, updatedAt } from './column-types.ts';

export type TrainingTarget = 'local' | 'runpod' | 'lambda' | 'sagemaker';
export type TrainingJobState = 'pending' | 'starting' | 'fetching' | 'running' | 'completed' | 'failed' | 'cancelled';
export type TrainingEventKind = 'log' | 'metric' | 'state' | 'stage';

export const trainingJobs = longshore.table('training_jobs', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull(),
  datasetId: text('dataset_id').notNull(),
  contentSha256: text('content_sha256').notNull(),
  target: text('target').$type<TrainingTarget>().notNull(),
  config: jsonb('config').$type<JsonObject>().notNull().default({}),
  state: text('state').$type<TrainingJobState>().notNull().default('pending'),
  attempt: integer('attempt').notNull().default(1),
  maxAttempts: integer('max_attempts').notNull().default(1),
  heartbeatTimeoutMs: bytes('heartbeat_timeout_ms').notNull(),
  startTimeoutMs: bytes('start_timeout_ms').notNull(),
  runTimeoutMs: bytes('run_timeout_ms'),
  stage: text('stage'),
  progress: jsonb('progress').$type<JsonObject>(),
  error: jsonb('error').$type<JsonObject>(),
  remote: jsonb('remote').$type<JsonObject>(),
  claimedBy: text('claimed_by'),
  shards: jsonb('shards').$type<Record<string, string>>().notNull().default({}),
  reportSeqs: jsonb('report_seqs').$type<Record<string, number>>().notNull().default({}),
  logBytes: bytes('log_bytes').notNull().default(0),
  metricPoints: integer('metric_points').notNull().default(0),
  rateWindowAt: instant('rate_window_at'),
  rateBytes: bytes('rate_bytes').notNull().default(0),
  copyReports: integer('copy_reports').notNull().default(0),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  attemptAt: instant('attempt_at').notNull().default(sql`now()`),
  startedAt: instant('started_at'),
  heartbeatAt: instant('heartbeat_at'),
  finishedAt: instant('finished_at'),
});

export const trainingJobEvents = longshore.table('training_job_events', {
  id: bytes('id').primaryKey().generatedAlwaysAsIdentity(),
  jobId: text('job_id').notNull(),
  at: instant('at').notNull().default(sql`now()`),
  attempt: integer('attempt').notNull(),
  kind: text('kind').$type<TrainingEventKind>().notNull(),
  data: jsonb('data').$type<JsonObject>().notNull(),
});
