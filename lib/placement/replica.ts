import type { datasetReplicas, ReplicaState } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';

export type { ReplicaState } from '@/lib/db/schema.ts';

/** One stored copy of a dataset: the row is the truth about it. */
export type Replica = typeof datasetReplicas.$inferSelect;

/** What it takes to choose among copies and to reach one: all that a reader needs of the row. */
export type ReachableReplica = Pick<
  Replica,
  | 'id'
  | 'userId'
  | 'provider'
  | 'endpoint'
  | 'region'
  | 'bucket'
  | 'objectKey'
  | 'generation'
  | 'versionId'
  | 'secretId'
  | 'state'
  | 'attempt'
  | 'preferred'
  | 'sizeBytes'
  | 'verifiedAt'
>;

/**
 * Every move a replica may make. `gone` is the removal of the row, from `deleting` only.
 * completed and verified are two things: a completed replica may be re-read any number of times.
 */
const MOVES: Record<ReplicaState, readonly ReplicaState[]> = {
  pending: ['pending', 'completed', 'failed', 'deleting'],
  failed: ['pending', 'failed', 'deleting'],
  completed: ['completed', 'missing', 'corrupt', 'deleting'],
  missing: ['completed', 'missing', 'corrupt', 'deleting'],
  corrupt: ['completed', 'missing', 'corrupt', 'deleting'],
  deleting: [],
};

export function mayMove(from: ReplicaState, to: ReplicaState): boolean {
  return MOVES[from].includes(to);
}

/** The states from which a replica may come to `to`. */
export function sourcesOf(to: ReplicaState): ReplicaState[] {
  const states = Object.keys(MOVES) as ReplicaState[];
  return states.filter((from) => mayMove(from, to));
}

/** A copy that may be read: acknowledged by its store and not known to be bad. */
export function isReadable(replica: Pick<Replica, 'state'>): boolean {
  return replica.state === 'completed';
}

/** The write belonged to an attempt that is over: somebody else has taken the work, or it was deleted. */
export function fencedError(what: string): LongshoreError {
  return new LongshoreError('fenced', `${what} was taken over or deleted meanwhile.`, {
    hint: 'Nothing to do: who took it over finishes it.',
  });
}

export function isFenced(error: unknown): boolean {
  return error instanceof LongshoreError && error.code === 'fenced';
}
