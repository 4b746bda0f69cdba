import { roleOf } from '@/lib/placement/phase.ts';
import type { Wanted } from '@/lib/placement/placement.ts';
import { isReadable, type Replica } from '@/lib/placement/replica.ts';
import { type StoreTarget, sameStore } from '@/lib/placement/store-registry.ts';

/** The difference between where a dataset should be and where it is. Pure: the same input gives the same plan. */
export interface PlacementPlan {
  /** Copies to begin, each under a new key. */
  begin: { target: StoreTarget; generation: number }[];
  /** Copies whose bytes are still to be stored. */
  write: Replica[];
  /** Stored copies that nobody has read back yet. */
  verify: Replica[];
  /** Bad copies in a store that has a verified one. */
  retire: Replica[];
  /** Every wanted store has a verified copy: the spool is not needed any more. */
  settled: boolean;
}

/**
 * `wanted` stores get a copy; a bad copy is answered by a new one of the next generation in the same store, and retired
 * once that was read back. Good copies in stores that are not wanted (any more) are left alone: only people remove them.
 */
export function planPlacement(wanted: readonly StoreTarget[], replicas: readonly Replica[]): PlacementPlan {
  const living = replicas.filter((replica) => replica.state !== 'deleting');
  return {
    begin: wanted.flatMap((target) => beginning(target, replicas)),
    write: living.filter((replica) => replica.state === 'pending' || replica.state === 'failed'),
    verify: living.filter((replica) => isReadable(replica) && replica.verifiedAt === null),
    retire: living.filter((replica) => isSuperseded(replica, living)),
    settled: living.some(isVerified) && wanted.every((target) => hasVerified(target, living)),
  };
}

/**
 * The wanted stores of one dataset. A bucket is wanted for what was written since dual writing began, and for what has an
 * S3 copy in whatever state; older datasets go there by a migration, which is planned and paid for, and never by itself.
 */
export function targetsOf(wanted: Wanted, createdAt: Date | null, replicas: readonly Replica[]): StoreTarget[] {
  const begun = replicas.some((replica) => roleOf(replica) === 'bucket' && replica.state !== 'deleting');
  const since = wanted.bucketSince;
  const written = since !== null && createdAt !== null && createdAt >= since;
  return begun || written ? wanted.targets : wanted.targets.filter((target) => roleOf(target) === 'base');
}

/** Nothing is to be done for a dataset whose copies are these. */
export function isAtRest(plan: PlacementPlan, replicas: readonly Replica[]): boolean {
  const steps = plan.begin.length + plan.write.length + plan.verify.length + plan.retire.length;
  return plan.settled && steps === 0 && replicas.every((replica) => replica.state !== 'deleting');
}

export function isVerified(replica: Replica): boolean {
  return isReadable(replica) && replica.verifiedAt !== null;
}

export function isBad(replica: Replica): boolean {
  return replica.state === 'missing' || replica.state === 'corrupt';
}

/** A store without a copy that is good or on its way needs one, under a key that none of its rows has had. */
function beginning(target: StoreTarget, replicas: readonly Replica[]): PlacementPlan['begin'] {
  const there = replicas.filter((replica) => sameStore(replica, target));
  if (there.some((replica) => replica.state !== 'deleting' && !isBad(replica))) return [];
  return [{ target, generation: Math.max(-1, ...there.map((replica) => replica.generation)) + 1 }];
}

function isSuperseded(replica: Replica, living: readonly Replica[]): boolean {
  return isBad(replica) && living.some((other) => isVerified(other) && sameStore(other, replica));
}

function hasVerified(target: StoreTarget, living: readonly Replica[]): boolean {
  return living.some((replica) => sameStore(replica, target) && isVerified(replica));
}
