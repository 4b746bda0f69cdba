import { linkAbort } from '@/lib/streams/abort.ts';

export interface CopyRules {
  /** How many must be done before the slow ones are no longer waited for. */
  requiredCopies: number;
  /** How long the others may take after that. */
  waitMs: number;
  signal?: AbortSignal;
}

export interface CopyOutcome<T> {
  completed: T[];
  /** Reasons of those that failed. Copies that were handed over are in neither list. */
  failures: unknown[];
}

/** Reason of the abort that hands a slow copy over to a job. */
export class HandedOver extends Error {
  constructor() {
    super('the copy is handed over to a job');
    this.name = 'HandedOver';
  }
}

/**
 * Writes copies in parallel. Resolves when all are done or have failed; or, once enough are done, when `waitMs` have
 * passed: the rest is aborted then and goes on elsewhere.
 */
export async function writeCopies<C, T>(
  copies: readonly C[],
  write: (copy: C, signal: AbortSignal) => Promise<T>,
  rules: CopyRules,
): Promise<CopyOutcome<T>> {
  const outcome: CopyOutcome<T> = { completed: [], failures: [] };
  const abort = linkAbort(rules.signal);
  const patience = new Patience(rules.waitMs);
  const writes = copies.map(async (copy) => {
    try {
      outcome.completed.push(await write(copy, abort.signal));
      if (outcome.completed.length >= rules.requiredCopies) patience.begin();
    } catch (error) {
      if (!(abort.signal.reason instanceof HandedOver)) outcome.failures.push(error);
    }
  });
  try {
    await Promise.race([Promise.all(writes), patience.over]);
    rules.signal?.throwIfAborted();
    return { completed: [...outcome.completed], failures: [...outcome.failures] };
  } finally {
    patience.end();
    abort.abort(new HandedOver());
    abort.release();
  }
}

/** A wait that begins with its first `begin`. */
class Patience {
  readonly over: Promise<void>;
  readonly #waitMs: number;
  #resolve: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  begin(): void {
    this.#timer ??= setTimeout(this.#resolve, this.#waitMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
