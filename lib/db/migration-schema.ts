import { sql } from 'drizzle-orm';
import { doublePrecision, integer, jsonb, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytes, createdAt, instant, type JsonObject, longshore, type ProviderName, updatedAt } from './column-types.ts';

export type MigrationRunState = 'planned' | 'running' | 'paused' | 'cancelling' | 'cancelled' | 'completed' | 'failed';
export type MigrationItemState = 'pending' | 'copying' | 'verifying' | 'done' | 'skipped' | 'failed' | 'quarantined';
/** Both sides read back: same, missing, differs, could not be read. */
export type CheckMark = '=' | '-' | '*' | '!';
export type RemovalKind = 'rollback' | 'purge_base';
export type RemovalState = 'listing' | 'listed' | 'applying' | 'applied' | 'failed';
export type RemovalEntryState = 'listed' | 'refused' | 'removed';

export const migrationRuns = longshore.table('migration_runs', {
  id: text('id').primaryKey(),
  state: text('state').$type<MigrationRunState>().notNull(),
  options: jsonb('options').$type<JsonObject>().notNull().default({}),
  actor: text('actor').notNull(),
  error: jsonb('error').$type<JsonObject>(),
  createdAt: createdAt(),
  startedAt: instant('started_at'),
  finishedAt: instant('finished_at'),
  checkedAt: instant('checked_at'),
  rolledBackAt: instant('rolled_back_at'),
  updatedAt: updatedAt(),
});

export const migrationItems = longshore.table(
  'migration_items',
  {
    runId: text('run_id').notNull(),
    datasetId: text('dataset_id').notNull(),
    userId: text('user_id').notNull(),
    name: text('name').notNull(),
    state: text('state').$type<MigrationItemState>().notNull(),
    sizeBytes: bytes('size_bytes'),
    bytesCopied: bytes('bytes_copied').notNull().default(0),
    attempt: integer('attempt').notNull().default(0),
    leaseOwner: text('lease_owner'),
    leaseUntil: instant('lease_until'),
    runAfter: instant('run_after').notNull().default(sql`now()`),
    failures: integer('failures').notNull().default(0),
    mismatches: integer('mismatches').notNull().default(0),
    sourceReplicaId: text('source_replica_id'),
    source: jsonb('source').$type<JsonObject>(),
    destination: jsonb('destination').$type<JsonObject>(),
    uploadState: jsonb('upload_state').$type<JsonObject>(),
    expectedSha256: text('expected_sha256'),
    sourceSha256: text('source_sha256'),
    destinationSha256: text('destination_sha256'),
    versionId: text('version_id'),
    replicaId: text('replica_id'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    errorHint: text('error_hint'),
    checkMark: text('check_mark').$type<CheckMark>(),
    checkMessage: text('check_message'),
    checkedAt: instant('checked_at'),
    createdAt: createdAt(),
    startedAt: instant('started_at'),
    copiedAt: instant('copied_at'),
    verifiedAt: instant('verified_at'),
    finishedAt: instant('finished_at'),
    updatedAt: updatedAt(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.datasetId] })],
);

export const migrationWorkers = longshore.table(
  'migration_workers',
  {
    runId: text('run_id').notNull(),
    owner: text('owner').notNull(),
    seenAt: instant('seen_at').notNull().default(sql`now()`),
    bytesPerSecond: doublePrecision('bytes_per_second').notNull().default(0),
    itemsPerSecond: doublePrecision('items_per_second').notNull().default(0),
    concurrency: integer('concurrency').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.runId, table.owner] })],
);

export const removals = longshore.table('removals', {
  id: text('id').primaryKey(),
  kind: text('kind').$type<RemovalKind>().notNull(),
  runId: text('run_id'),
  state: text('state').$type<RemovalState>().notNull(),
  actor: text('actor').notNull(),
  notBefore: instant('not_before'),
  error: jsonb('error').$type<JsonObject>(),
  createdAt: createdAt(),
  listedAt: instant('listed_at'),
  appliedAt: instant('applied_at'),
});

export const removalEntries = longshore.table(
  'removal_entries',
  {
    removalId: text('removal_id').notNull(),
    replicaId: text('replica_id').notNull(),
    datasetId: text('dataset_id').notNull(),
    userId: text('user_id').notNull(),
    provider: text('provider').$type<ProviderName>().notNull(),
    endpoint: text('endpoint'),
    bucket: text('bucket').notNull(),
    objectKey: text('object_key').notNull(),
    sizeBytes: bytes('size_bytes'),
    objectSha256: text('object_sha256'),
    keptReplicaId: text('kept_replica_id'),
    keptVerifiedAt: instant('kept_verified_at'),
    state: text('state').$type<RemovalEntryState>().notNull(),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    removedAt: instant('removed_at'),
  },
  (table) => [primaryKey({ columns: [table.removalId, table.replicaId] })],
);
