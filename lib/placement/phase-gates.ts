import { PHASES, type Phase } from '@/lib/placement/phase.ts';

/** Something that stands in the way, with what would move it. */
export interface GateBlocker {
  /** Id of a dataset or user; the name of a bucket. */
  id: string;
  name: string;
  reason: string;
}

/** One condition for entering a phase: what there is, what is needed, who is in the way, and the command that helps. */
export interface PhaseGate {
  code: GateCode;
  title: string;
  ok: boolean;
  have: number;
  need: number;
  unit: 'buckets' | 'datasets' | 'users' | 'days' | 'confirmations';
  /** At most BLOCKERS_SHOWN. */
  blockers: GateBlocker[];
  /** Null when there is nothing to do. */
  remedy: string | null;
}

export type GateCode =
  | 'bucket_works'
  | 'new_copies_verified'
  | 'all_copies_verified'
  | 'users_have_buckets'
  | 'phase_held'
  | 'confirmed';

export const BLOCKERS_SHOWN = 20;
/** How long hybrid_read must have held before S3 may become the only place of writes. */
export const HELD_DAYS = 14;
const DAY_MS = 24 * 60 * 60 * 1000;

/** The phase that comes after; undefined after the last. */
export function phaseAfter(phase: Phase): Phase | undefined {
  return PHASES[PHASES.indexOf(phase) + 1];
}

export function phaseBefore(phase: Phase): Phase | undefined {
  return PHASES[PHASES.indexOf(phase) - 1];
}

export function isForward(from: Phase, to: Phase): boolean {
  return PHASES.indexOf(to) > PHASES.indexOf(from);
}

/** Datasets that should have an S3 copy, and those whose copy was read back with an equal hash. */
export interface CopyCount {
  total: number;
  verified: number;
  blockers: GateBlocker[];
}

/** How many of the buckets that were asked answered, and those that did not. */
export interface BucketCount {
  working: number;
  asked: number;
  blockers: GateBlocker[];
}

export function bucketGate({ working, blockers }: BucketCount): PhaseGate {
  const title = 'A bucket, of the platform or of a user, passes its test';
  const remedy = 'longshore secrets set aws';
  return gate({ code: 'bucket_works', title, have: working, need: 1, unit: 'buckets', blockers, remedy });
}

export function newCopiesGate({ total, verified, blockers }: CopyCount): PhaseGate {
  const title = 'Every dataset written since dual_write, whose owner has a bucket, has an S3 copy that was read back';
  const remedy = 'longshore reconcile --all';
  const counts = { have: verified, need: total, unit: 'datasets', blockers, remedy } as const;
  return gate({ code: 'new_copies_verified', title, ...counts });
}

export function allCopiesGate({ total, verified, blockers }: CopyCount): PhaseGate {
  const title = 'Every dataset has an S3 copy that was read back';
  const remedy = 'longshore migrate run';
  const counts = { have: verified, need: total, unit: 'datasets', blockers, remedy } as const;
  return gate({ code: 'all_copies_verified', title, ...counts });
}

export function userBucketsGate({ working, asked, blockers }: BucketCount): PhaseGate {
  const title = 'Every user with datasets has a bucket that answers';
  const remedy = 'longshore secrets set aws';
  const counts = { have: working, need: asked, unit: 'users', blockers, remedy } as const;
  return gate({ code: 'users_have_buckets', title, ...counts });
}

/** Days are told with one decimal, rounded down: 13.9 is not yet 14. */
export function heldGate(phase: Phase, enteredAt: Date, now: Date): PhaseGate {
  const heldMs = Math.max(0, now.getTime() - enteredAt.getTime());
  const have = Math.floor((heldMs / DAY_MS) * 10) / 10;
  const until = new Date(enteredAt.getTime() + HELD_DAYS * DAY_MS).toISOString().slice(0, 16).replace('T', ' ');
  const title = `The phase ${phase} has held for ${HELD_DAYS} days`;
  const remedy = `Wait until ${until} UTC`;
  return gate({ code: 'phase_held', title, have, need: HELD_DAYS, unit: 'days', blockers: [], remedy });
}

export function confirmedGate(phase: Phase, confirmed: boolean): PhaseGate {
  const title = 'An admin confirms that new datasets are kept in S3 alone';
  const counts = { have: confirmed ? 1 : 0, need: 1, unit: 'confirmations' } as const;
  return gate({ code: 'confirmed', title, ...counts, blockers: [], remedy: `longshore phase set ${phase} --confirm` });
}

/** What --force cannot pass: a person has to say yes. */
export function isForceable(gate: PhaseGate): boolean {
  return gate.code !== 'confirmed';
}

function gate(facts: Omit<PhaseGate, 'ok'>): PhaseGate {
  const ok = facts.have >= facts.need;
  const blockers = ok ? [] : facts.blockers.slice(0, BLOCKERS_SHOWN);
  return { ...facts, ok, blockers, remedy: ok ? null : facts.remedy };
}
