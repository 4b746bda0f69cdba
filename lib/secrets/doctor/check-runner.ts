import type { CheckResult, CheckStatus } from '@/lib/secrets/doctor/report.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** What one check has to say. `failed` outcomes are thrown as CheckFailure. */
export interface Outcome {
  status: Extract<CheckStatus, 'ok' | 'skipped'>;
  message: string;
}

export interface Check<C> {
  id: string;
  title: string;
  required: boolean;
  /** Checks without which this one means nothing: it is skipped when one of them failed, or was itself kept from running. */
  needs: readonly string[];
  run(context: C, signal: AbortSignal): Promise<Outcome>;
}

export interface FailureDetails {
  code: string;
  message: string;
  action?: string;
  remedy?: string;
  /** Overrides the check's own weight: some findings are only advice, some advice turns out to be grave. */
  required?: boolean;
}

export class CheckFailure extends Error {
  readonly details: FailureDetails;

  constructor(details: FailureDetails) {
    super(details.message);
    this.name = 'CheckFailure';
    this.details = details;
  }
}

export const ok = (message: string): Outcome => ({ status: 'ok', message });
export const skipped = (message: string): Outcome => ({ status: 'skipped', message });

export interface RunOptions {
  /** For each check. */
  timeoutMs: number;
  /** For all of them. Default 60,000. */
  totalMs?: number;
  signal?: AbortSignal;
  nowMs: () => number;
}

/**
 * Runs checks in their order, each with its own time limit. What a failed check was needed for is skipped. Stops with the
 * reason of `signal` when that aborts; errors that are no finding (bugs) pass through.
 */
export async function runChecks<C>(
  checks: readonly Check<C>[],
  context: C,
  options: RunOptions,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const blocking = new Map<string, string>();
  const endMs = options.nowMs() + (options.totalMs ?? 60_000);
  for (const check of checks) {
    options.signal?.throwIfAborted();
    const blockedBy = check.needs.map((id) => blocking.get(id)).find((title) => title !== undefined);
    const result = await runCheck(check, context, blockedBy, withinTotal(options, endMs));
    if (result.status === 'failed' || blockedBy !== undefined) blocking.set(check.id, blockedBy ?? check.title);
    results.push(result);
  }
  return results;
}

function withinTotal(options: RunOptions, endMs: number): RunOptions {
  return { ...options, timeoutMs: Math.max(0, Math.min(options.timeoutMs, endMs - options.nowMs())) };
}

async function runCheck<C>(
  check: Check<C>,
  context: C,
  blockedBy: string | undefined,
  options: RunOptions,
): Promise<CheckResult> {
  const { id, title, required } = check;
  const startedMs = options.nowMs();
  const found = blockedBy === undefined ? await outcomeOf(check, context, options) : notTried(blockedBy);
  const duration_ms = Math.max(0, Math.round(options.nowMs() - startedMs));
  return { id, title, required, ...found, duration_ms };
}

function notTried(title: string): Outcome {
  return skipped(`Not tried: it needs “${title}”, which failed.`);
}

async function outcomeOf<C>(
  check: Check<C>,
  context: C,
  options: RunOptions,
): Promise<Outcome | ({ status: 'failed' } & FailureDetails)> {
  if (options.timeoutMs === 0) return { status: 'failed', ...outOfTime() };
  const limit = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  try {
    return await check.run(context, signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    return { status: 'failed', ...failureOf(error, limit.aborted, options.timeoutMs) };
  }
}

function failureOf(error: unknown, timedOut: boolean, timeoutMs: number): FailureDetails {
  if (error instanceof CheckFailure) return error.details;
  if (timedOut || StorageError.is(error, 'timeout')) return timeoutFailure(timeoutMs);
  if (StorageError.is(error)) return storageFailure(error);
  throw error;
}

function outOfTime(): FailureDetails {
  return {
    code: 'timeout',
    message: 'Not tried: the checks before it took all the time there was.',
    remedy: 'The other side is very slow. Test again later.',
  };
}

function timeoutFailure(timeoutMs: number): FailureDetails {
  return {
    code: 'timeout',
    message: `No answer within ${Math.max(1, Math.round(timeoutMs / 1000))} seconds.`,
    remedy: 'Check the address and the network between, then test again.',
  };
}

const STORAGE_FAILURES: Partial<Record<StorageError['code'], Omit<FailureDetails, 'code'>>> = {
  endpoint_refused: {
    message: 'The address leads to a private or local network, which Longshore does not connect to.',
    remedy: 'Give a public address. An operator may allow private ones with ALLOW_PRIVATE_ENDPOINTS=true.',
  },
  rate_limited: { message: 'The other side asks for fewer requests.', remedy: 'Wait a minute and test again.' },
};

const REACH = 'Check the address, the network, and whether the other side is up, then test again.';

function storageFailure(error: StorageError): FailureDetails {
  const known = STORAGE_FAILURES[error.code];
  const cause = /^[A-Z][A-Z0-9_]+$/.test(error.detail ?? '') ? ` (${error.detail})` : '';
  if (error.code === 'unavailable')
    return { code: error.code, message: `It cannot be reached${cause}.`, remedy: REACH };
  return { code: error.code, message: `The answer was: ${error.detail ?? error.code}.`, ...known };
}

/**
 * What a check has made in somebody's store, and how to take it away again. Removed in reverse order whatever happens,
 * also when the caller has gone away.
 */
export class Leftovers {
  private readonly removals = new Map<string, (signal: AbortSignal) => Promise<void>>();

  /** `what` names it to the owner of the store, should it stay. A later removal of the same thing replaces this one. */
  add(what: string, remove: (signal: AbortSignal) => Promise<void>): void {
    this.removals.set(what, remove);
  }

  gone(what: string): void {
    this.removals.delete(what);
  }

  /** Names of what could not be removed. */
  async removeAll(timeoutMs: number): Promise<string[]> {
    const remaining: string[] = [];
    for (const [what, remove] of [...this.removals].reverse()) {
      try {
        await remove(AbortSignal.timeout(timeoutMs));
        this.removals.delete(what);
      } catch {
        // Whatever the reason: it is named in the report, and the owner of the store can remove it.
        remaining.push(what);
      }
    }
    return remaining;
  }
}
