import type { Database, Executor, Transaction } from '@/lib/db/database.ts';
import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { BucketCheck } from '@/lib/placement/bucket-check.ts';
import { type JobSink, PLACEMENT_JOBS } from '@/lib/placement/job-types.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import { consequencesOfBack } from '@/lib/placement/phase-consequences.ts';
import { countAllCopies, countNewCopies, onlyInBucket, type Volume } from '@/lib/placement/phase-facts.ts';
import {
  allCopiesGate,
  type BucketCount,
  bucketGate,
  confirmedGate,
  heldGate,
  isForceable,
  isForward,
  newCopiesGate,
  type PhaseGate,
  phaseAfter,
  phaseBefore,
  userBucketsGate,
} from '@/lib/placement/phase-gates.ts';
import type { PhaseEntry, PhaseRepository } from '@/lib/placement/phase-repository.ts';

/** The gates of the phase that comes next, as they stand. */
export interface PhaseCheck {
  from: Phase;
  phase: Phase;
  ok: boolean;
  gates: PhaseGate[];
}

/** The phase before, and what going back to it means. */
export interface PhaseBack {
  phase: Phase;
  consequences: string[];
  /** What would be copied to the base store in the background. */
  toCopy: Volume;
}

export interface PhaseOverview {
  current: PhaseEntry;
  history: PhaseEntry[];
  next: PhaseCheck | undefined;
  previous: PhaseBack | undefined;
}

export interface StepOptions {
  /** What s3_primary asks for, also where it is forced. */
  confirm?: boolean;
  /** Enter although gates stand against it. Needs a reason. */
  force?: boolean;
  reason?: string;
  signal?: AbortSignal;
}

export interface PhaseAudit {
  write(
    entry: { actor: string; action: string; subject: string; details: Record<string, unknown> },
    executor: Executor,
  ): Promise<void>;
}

export interface PhaseServiceParts {
  db: Database;
  phases: PhaseRepository;
  buckets: BucketCheck;
  jobs: JobSink;
  audit: PhaseAudit;
  /** Told after a change. */
  onChange: (phase: Phase) => void;
  now: () => Date;
}

/** Moves the installation from phase to phase: forward one at a time through gates, back at once and always. */
export class PhaseService {
  readonly #parts: PhaseServiceParts;

  constructor(parts: PhaseServiceParts) {
    this.#parts = parts;
  }

  async current(): Promise<PhaseEntry> {
    return this.#parts.phases.current();
  }

  async overview(signal?: AbortSignal): Promise<PhaseOverview> {
    const { phases } = this.#parts;
    const current = await phases.current();
    const [after, before] = [phaseAfter(current.phase), phaseBefore(current.phase)];
    return {
      current,
      history: await phases.history(),
      next: after === undefined ? undefined : await this.check(after, { signal }),
      previous: before === undefined ? undefined : await this.#backTo(current.phase, before),
    };
  }

  /** The gates of the next phase with their numbers. @throws phase_out_of_order */
  async check(next: Phase, options: Pick<StepOptions, 'confirm' | 'signal'> = {}): Promise<PhaseCheck> {
    const buckets = await this.#askBuckets(next, options.signal);
    const current = await this.#parts.phases.current();
    return this.#checkIn(this.#parts.db, current, next, { buckets, confirm: options.confirm === true });
  }

  /**
   * Enters a phase. Forward: the next one only, when its gates are open or are forced with a reason. Back: any earlier
   * one, at once. The present one: nothing happens.
   * @throws phase_out_of_order, phase_blocked (with the gates), reason_required
   */
  async step(to: Phase, actor: string, options: StepOptions = {}): Promise<PhaseEntry> {
    if (options.force === true && blank(options.reason)) throw reasonRequired();
    const before = await this.#parts.phases.current();
    const buckets = isForward(before.phase, to) ? await this.#askBuckets(to, options.signal) : undefined;
    return this.#changed(before, (tx, current) => {
      if (current.phase === to) return Promise.resolve(current);
      // Another admin stepped back meanwhile: what was asked for now is another step.
      if (isForward(current.phase, to) && buckets === undefined) throw outOfOrder(current.phase, to);
      return this.#enter(tx, current, to, { actor, options, buckets });
    });
  }

  /** Steps back by one phase. @throws phase_out_of_order in the first */
  async back(actor: string, reason?: string): Promise<PhaseEntry> {
    return this.#changed(await this.#parts.phases.current(), (tx, current) => {
      const to = phaseBefore(current.phase);
      if (to === undefined) throw nothingBefore();
      return this.#enter(tx, current, to, { actor, options: { reason }, buckets: undefined });
    });
  }

  /** Runs a change while nobody else changes the phase and no dataset commits under it. */
  async #changed(
    before: PhaseEntry,
    change: (tx: Transaction, current: PhaseEntry) => Promise<PhaseEntry>,
  ): Promise<PhaseEntry> {
    const { db, phases, onChange } = this.#parts;
    const entry = await db.transaction(async (tx) => change(tx, await phases.lock(tx)));
    if (entry.id !== before.id) onChange(entry.phase);
    return entry;
  }

  async #enter(
    tx: Transaction,
    current: PhaseEntry,
    to: Phase,
    { actor, options, buckets }: { actor: string; options: StepOptions; buckets: BucketCount | undefined },
  ): Promise<PhaseEntry> {
    const check = buckets === undefined ? undefined : await this.#gatesOf(tx, current, to, { buckets, options });
    const forced = check !== undefined && !check.ok;
    const gates = check === undefined ? undefined : ({ gates: check.gates } as unknown as JsonObject);
    const reason = blank(options.reason) ? undefined : options.reason;
    const entry = await this.#parts.phases.enter(tx, { phase: to, actor, forced, reason, gates });
    const details = { from: current.phase, forced, reason: reason ?? null };
    await this.#parts.audit.write({ actor, action: 'phase.changed', subject: to, details }, tx);
    await this.#parts.jobs.enqueue({ type: PLACEMENT_JOBS.reconcile, dedupeKey: RECONCILE_NOW }, tx);
    return entry;
  }

  async #gatesOf(
    tx: Transaction,
    current: PhaseEntry,
    to: Phase,
    { buckets, options }: { buckets: BucketCount; options: StepOptions },
  ): Promise<PhaseCheck> {
    const check = await this.#checkIn(tx, current, to, { buckets, confirm: options.confirm === true });
    const standing = check.gates.filter((gate) => !gate.ok);
    const forced = options.force === true && standing.every(isForceable);
    if (standing.length > 0 && !forced) throw blocked(check);
    return check;
  }

  async #checkIn(
    executor: Executor,
    current: PhaseEntry,
    next: Phase,
    { buckets, confirm }: { buckets: BucketCount; confirm: boolean },
  ): Promise<PhaseCheck> {
    if (phaseAfter(current.phase) !== next) throw outOfOrder(current.phase, next);
    const gates = await this.#gates(executor, current, { next, buckets, confirm });
    return { from: current.phase, phase: next, ok: gates.every((gate) => gate.ok), gates };
  }

  async #gates(
    executor: Executor,
    current: PhaseEntry,
    { next, buckets, confirm }: { next: Phase; buckets: BucketCount; confirm: boolean },
  ): Promise<PhaseGate[]> {
    if (next === 'dual_write') return [bucketGate(buckets)];
    if (next === 'hybrid_read') {
      const since = await this.#parts.phases.dualWriteSince(executor);
      return [newCopiesGate(await countNewCopies(executor, since, this.#parts.buckets.hasPlatform))];
    }
    return [
      allCopiesGate(await countAllCopies(executor)),
      userBucketsGate(buckets),
      heldGate(current.phase, current.enteredAt, this.#parts.now()),
      confirmedGate(next, confirm),
    ];
  }

  /** Requests to stores are made outside every transaction. */
  async #askBuckets(next: Phase, signal: AbortSignal | undefined): Promise<BucketCount> {
    const { buckets } = this.#parts;
    if (next === 'dual_write') return buckets.any(signal);
    if (next === 's3_primary') return buckets.everyUser(signal);
    return { working: 0, asked: 0, blockers: [] };
  }

  async #backTo(from: Phase, to: Phase): Promise<PhaseBack> {
    const toCopy = await onlyInBucket(this.#parts.db);
    return { phase: to, consequences: consequencesOfBack(from, toCopy), toCopy };
  }
}

/** At most one waits: a change while it runs makes it run once more. */
const RECONCILE_NOW = 'phase:reconcile';

function blank(text: string | undefined): boolean {
  return text === undefined || text.trim() === '';
}

function reasonRequired(): LongshoreError {
  return new LongshoreError('reason_required', 'A phase is forced only with a reason.', {
    hint: 'Say why, for those who read the history: --reason "..."',
  });
}

function outOfOrder(from: Phase, to: Phase): LongshoreError {
  const next = phaseAfter(from);
  const hint = next === undefined ? 'This is the last phase.' : `The phase after ${from} is ${next}.`;
  return new LongshoreError('phase_out_of_order', `From ${from} the installation cannot go to ${to}.`, { hint });
}

function nothingBefore(): LongshoreError {
  return new LongshoreError('phase_out_of_order', 'There is no phase before base_only.', {
    hint: 'Nothing to take back.',
  });
}

function blocked(check: PhaseCheck): LongshoreError {
  const standing = check.gates.filter((gate) => !gate.ok);
  return new LongshoreError('phase_blocked', `${standing.map((gate) => gate.title).join('; ')}: not yet.`, {
    hint: standing.map((gate) => gate.remedy).join('; '),
    details: { phase: check.phase, gates: check.gates },
  });
}
