import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { redactText } from '@/lib/observability/redact.ts';
import type { JobFailure } from './job.ts';

/** Thrown by a handler: trying again cannot help. `cause` says what is wrong and is what the job keeps. */
export class PermanentFailure extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'PermanentFailure';
  }
}

/** Thrown by a handler: nothing is wrong, but the time has not come (a store rests, a pod still runs). Counts no attempt. */
export class RunLater extends Error {
  readonly delayMs: number;

  constructor(delayMs: number, why: string) {
    super(why);
    this.name = 'RunLater';
    this.delayMs = delayMs;
  }
}

/** Why a running job is told to stop: the `reason` of its signal. */
export type StopReason = 'cancelled' | 'lease_lost' | 'shutdown';

export class JobStopped extends LongshoreError {
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`job_${reason}`, STOP_MESSAGES[reason]);
    this.name = 'JobStopped';
    this.reason = reason;
  }
}

const STOP_MESSAGES: Record<StopReason, string> = {
  cancelled: 'The job was cancelled.',
  lease_lost: 'Another runner has taken the job over.',
  shutdown: 'This process stops; the job goes on elsewhere.',
};

/** What a job keeps of an error: a code to act on, words for people, nothing secret. */
export function failureOf(error: unknown): JobFailure {
  const known = error instanceof PermanentFailure ? error.cause : error;
  const hint = known instanceof LongshoreError ? known.hint : undefined;
  return {
    code: codeOf(known),
    message: redactText(messageOf(known)).slice(0, 2000),
    hint: hint === undefined ? null : redactText(hint),
  };
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'job_failed';
}

export interface Backoff {
  /** Before the second attempt. Default 1,000. */
  baseMs: number;
  /** Default 600,000. */
  maxMs: number;
}

/** Doubles with every attempt up to the maximum; half of it is chance, so that jobs that failed together spread out. */
export function backoffMs(attempt: number, backoff: Backoff, random: () => number): number {
  const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (0.5 + random() / 2));
}
