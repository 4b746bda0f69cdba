import type { NewJob } from '@/lib/jobs/job.ts';
import type { JobQueue } from '@/lib/jobs/queue.ts';

/** Work of placement that outlives the request that asked for it. Every job may be repeated at any time. */
export const PLACEMENT_JOBS = {
  /** Stores the bytes of a pending or failed replica. */
  write: 'write_replica',
  /** Reads a replica back. */
  verify: 'verify_replica',
  /** Asks the guarded deleter to let a bad replica go. */
  retire: 'retire_replica',
  /** Removes the object of a replica in `deleting`, then its row. */
  remove: 'remove_replica',
  /** Compares what every dataset should have with what it has. */
  reconcile: 'reconcile_placement',
  /** Reads a dataset from before Longshore for the first time: until then its hash is not known. */
  inspect: 'inspect_dataset',
  /** Looks at addresses where a late completion may have left an object. */
  tombstones: 'check_tombstones',
  /** Writes down how well datasets are kept at this hour. */
  sample: 'sample_storage',
  /** Begins a scrub when copies are due. */
  scrub: 'scrub',
  /** Reads copies of a scrub back until none is left; several share one scrub. */
  scrubSlice: 'scrub_slice',
} as const;

/** What placement asks of the job queue: a job is queued with the transaction that makes it necessary. */
export interface PlacementJob {
  type: string;
  payload: Record<string, string>;
  userId: string;
  /** At most one open job has it. */
  dedupeKey: string;
  /** A run that is under way is as good: it ends with the same reconciliation. */
  whileRunning: 'skip';
}

export type JobSink = Pick<JobQueue, 'enqueue' | 'hurry'>;

/** The first reading of a dataset whose hash nobody knows. Behind all other work: nobody waits for it. */
export function inspectionJob(dataset: { id: string; userId: string }): PlacementJob & { priority: number } {
  const type = PLACEMENT_JOBS.inspect;
  const payload = { dataset_id: dataset.id };
  const dedupeKey = `${type}:${dataset.id}`;
  return { type, payload, userId: dataset.userId, dedupeKey, whileRunning: 'skip', priority: -10 };
}

const REPLICA_KINDS = ['write', 'verify', 'retire', 'remove'] as const;
type ReplicaKind = (typeof REPLICA_KINDS)[number];

/** The dedupe keys of every job there may be about a replica. */
export function replicaJobKeys(replica: { id: string; userId: string }): string[] {
  return REPLICA_KINDS.map((kind) => replicaJob(kind, replica).dedupeKey);
}

/** A job about one replica; a second one of the same kind is not queued while one waits or runs. */
export function replicaJob(kind: ReplicaKind, replica: { id: string; userId: string }): PlacementJob {
  const type = PLACEMENT_JOBS[kind];
  const payload = { replica_id: replica.id };
  return { type, payload, userId: replica.userId, dedupeKey: `${type}:${replica.id}`, whileRunning: 'skip' };
}

/** A copy failed its reader: a re-read that is under way may have looked before that, so another one follows it. */
export function suspicionJob(replica: { id: string; userId: string }): NewJob {
  return { ...replicaJob('verify', replica), whileRunning: 'run_again' };
}
