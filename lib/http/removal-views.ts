import { z } from 'zod';
import type { RemovalEntry } from '@/lib/migration/removals/removal-repository.ts';
import type { ShownRemoval } from '@/lib/migration/removals/removal-service.ts';
import { pageQuery } from './pagination.ts';

/** Lists of copies to be let go, as the API shows them. */
const ENTRY_STATES = ['listed', 'refused', 'removed'] as const;

export const entriesQuery = pageQuery.extend({ state: z.enum(ENTRY_STATES).optional() });

export const removalView = z.object({
  id: z.string(),
  kind: z.enum(['rollback', 'purge_base']),
  run_id: z.string().nullable(),
  state: z.enum(['listing', 'listed', 'applying', 'applied', 'failed']),
  counts: z.object({ listed: z.number(), refused: z.number(), removed: z.number() }),
  bytes: z.number(),
  actor: z.string(),
  not_before: z.string().nullable(),
  created_at: z.string(),
  listed_at: z.string().nullable(),
  applied_at: z.string().nullable(),
});

export const entryView = z.object({
  replica_id: z.string(),
  dataset_id: z.string(),
  user_id: z.string(),
  provider: z.string(),
  bucket: z.string(),
  key: z.string(),
  bytes: z.number().nullable(),
  sha256: z.string().nullable(),
  kept_replica_id: z.string().nullable(),
  kept_verified_at: z.string().nullable(),
  state: z.enum(ENTRY_STATES),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

export type RemovalView = z.infer<typeof removalView>;
export type EntryView = z.infer<typeof entryView>;

export function showRemoval({ removal, counts: { bytes, ...counts } }: ShownRemoval): RemovalView {
  const { id, kind, runId, state, actor } = removal;
  return {
    ...{ id, kind, run_id: runId, state, counts, bytes, actor },
    not_before: removal.notBefore?.toISOString() ?? null,
    created_at: removal.createdAt.toISOString(),
    listed_at: removal.listedAt?.toISOString() ?? null,
    applied_at: removal.appliedAt?.toISOString() ?? null,
  };
}

export function showEntry(entry: RemovalEntry): EntryView {
  return {
    replica_id: entry.replicaId,
    dataset_id: entry.datasetId,
    user_id: entry.userId,
    provider: entry.provider,
    bucket: entry.bucket,
    key: entry.objectKey,
    bytes: entry.sizeBytes,
    sha256: entry.objectSha256,
    kept_replica_id: entry.keptReplicaId,
    kept_verified_at: entry.keptVerifiedAt?.toISOString() ?? null,
    state: entry.state,
    error: entry.errorCode === null ? null : { code: entry.errorCode, message: entry.errorMessage ?? '' },
  };
}
