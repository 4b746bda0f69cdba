import type { PlacementJob } from '@/lib/placement/job-types.ts';

/** Work of datasets that outlives the request that asked for it. */
export const DATASET_JOBS = {
  /** Removes what is left of a deleted dataset. */
  cleanUp: 'clean_up_dataset',
  /** Queues the clean-up of deleted datasets whose job gave up, and forgets what is old. */
  housekeeping: 'dataset_housekeeping',
} as const;

export function cleanUpJob(dataset: { id: string; userId: string }): PlacementJob {
  const type = DATASET_JOBS.cleanUp;
  const payload = { dataset_id: dataset.id };
  return { type, payload, userId: dataset.userId, dedupeKey: `${type}:${dataset.id}`, whileRunning: 'skip' };
}
