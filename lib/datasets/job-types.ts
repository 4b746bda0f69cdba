import type { PlacementJob } from '@/lib/placement/job-types.ts';

/** Work of datasets that outlives the request that asked for it. */
export const DATASET_JOBS = {
  /** Removes what is left of a deleted dataset. */
  cleanUp: 'clean_up_dataset',
  /** Queues the clean-up of deleted datasets whose job gave up, and forgets what is old. */
  housekeeping: 'dataset_housekeeping',
  /** Puts the manifest beside a copy. */
  manifest: 'write_manifest',
} as const;

export function manifestJob(replica: { id: string; userId: string }): Omit<PlacementJob, 'whileRunning'> {
  const type = DATASET_JOBS.manifest;
  const payload = { replica_id: replica.id };
  return { type, payload, userId: replica.userId, dedupeKey: `${type}:${replica.id}` };
}

export function cleanUpJob(dataset: { id: string; userId: string }): PlacementJob {
  const type = DATASET_JOBS.cleanUp;
  const payload = { dataset_id: dataset.id };
  return { type, payload, userId: dataset.userId, dedupeKey: `${type}:${dataset.id}`, whileRunning: 'skip' };
}
