import { sql } from 'drizzle-orm';
import { bigint, boolean, jsonb, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant, type JsonObject, longshore } from './column-types.ts';

export type AdoptionState = 'waiting' | 'adopted' | 'refused';

/** One row: where the paths of the application from before Longshore lie. Absent until `adopt --apply`. */
export const adoption = longshore.table('adoption', {
  singleton: boolean('singleton').primaryKey().default(true),
  provider: text('provider').notNull(),
  endpoint: text('endpoint'),
  region: text('region'),
  bucket: text('bucket').notNull(),
  appliedAt: instant('applied_at').notNull().default(sql`now()`),
  comparedAt: instant('compared_at'),
  counts: jsonb('counts').$type<JsonObject>(),
});

export const adoptedDatasets = longshore.table('adopted_datasets', {
  datasetId: text('dataset_id').primaryKey(),
  userId: text('user_id').notNull(),
  storagePath: text('storage_path').notNull(),
  state: text('state').$type<AdoptionState>().notNull(),
  s3StoragePath: text('s3_storage_path'),
  s3State: text('s3_state').$type<AdoptionState>(),
  inspectedAt: instant('inspected_at'),
  inspection: jsonb('inspection').$type<JsonObject>(),
  createdAt: instant('created_at').notNull().default(sql`now()`),
  updatedAt: instant('updated_at').notNull().default(sql`now()`),
});

export const adoptionProblems = longshore.table(
  'adoption_problems',
  {
    code: text('code').notNull(),
    objectKey: text('object_key').notNull(),
    datasetId: text('dataset_id').notNull(),
    userId: text('user_id'),
    details: jsonb('details').$type<JsonObject>().notNull().default({}),
    source: text('source').$type<'path' | 'comparison' | 'inspection'>().notNull(),
    runId: text('run_id'),
    foundAt: instant('found_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.code, table.objectKey, table.datasetId] })],
);

export const legacyDeletes = longshore.table('legacy_deletes', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  datasetId: text('dataset_id').notNull(),
  userId: text('user_id').notNull(),
  deletedAt: instant('deleted_at').notNull().default(sql`now()`),
});
