/** What a hedged question came to: who answered, and why those before did not. */
export interface FirstAnswer<C, T> {
  candidate: C;
  value: T;
  passed: Passed<C>[];
}

/** A candidate that failed, or that had not answered when its time was over. */
export interface Passed<C> {
  candidate: C;
  why: { kind: 'failed'; error: unknown } | { kind: 'slow' };
}

export interface HedgeRules {
  /** How long a candidate may take before the next one is asked beside it. */
  budgetMs: number;
  /** Whether another candidate may do better; false: the error is everybody's and is thrown at once. */
  speaksOfCandidate(error: unknown): boolean;
}

/**
 * Asks candidates in order until one answers. One that fails is followed by the next at once; one that is slow keeps
 * running beside the next, and whoever answers first is taken. The others are told to stop.
 * @throws the error of the first candidate when all have failed; undefined is returned only for an empty list
 */
export function firstAnswer<C, T>(
  candidates: readonly C[],
  ask: (candidate: C, signal: AbortSignal) => Promise<T>,
  rules: HedgeRules,
): Promise<FirstAnswer<C, T> | undefined> {
  if (candidates.length === 0) return Promise.resolve(undefined);
  return new Hedge(candidates, ask, rules).run();
}

class Hedge<C, T> {
  readonly #candidates: readonly C[];
  readonly #ask: (candidate: C, signal: AbortSignal) => Promise<T>;
  readonly #rules: HedgeRules;
  readonly #stop = new AbortController();
  readonly #passed = new Map<C, Passed<C>['why']>();
  #started = 0;
  #running = 0;
  #timer: NodeJS.Timeout | undefined;
  #resolve: (answer: FirstAnswer<C, T>) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(candidates: readonly C[], ask: (candidate: C, signal: AbortSignal) => Promise<T>, rules: HedgeRules) {
    this.#candidates = candidates;
    this.#ask = ask;
    this.#rules = rules;
  }

  async run(): Promise<FirstAnswer<C, T>> {
    try {
      return await new Promise<FirstAnswer<C, T>>((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
        this.#next();
      });
    } finally {
      clearTimeout(this.#timer);
      // Made only where somebody hears it: the error inside an abort costs more than most answers.
      if (this.#running > 0) this.#stop.abort();
    }
  }

  #next(): void {
    const candidate = this.#candidates[this.#started];
    if (candidate === undefined) return;
    this.#started += 1;
    this.#running += 1;
    clearTimeout(this.#timer);
    if (this.#started < this.#candidates.length) {
      this.#timer = setTimeout(() => this.#overdue(candidate), this.#rules.budgetMs);
    }
    this.#ask(candidate, this.#stop.signal).then(
      (value) => this.#answered(candidate, value),
      (error: unknown) => this.#failed(candidate, error),
    );
  }

  #overdue(candidate: C): void {
    this.#passed.set(candidate, { kind: 'slow' });
    this.#next();
  }

  #answered(candidate: C, value: T): void {
    this.#running -= 1;
    this.#passed.delete(candidate);
    const passed = [...this.#passed].map(([other, why]) => ({ candidate: other, why }));
    this.#resolve({ candidate, value, passed });
  }

  #failed(candidate: C, error: unknown): void {
    this.#running -= 1;
    if (!this.#rules.speaksOfCandidate(error)) {
      this.#reject(error);
      return;
    }
    this.#passed.set(candidate, { kind: 'failed', error });
    if (this.#started < this.#candidates.length) this.#next();
    else if (this.#running === 0) this.#reject(this.#firstError());
  }

  /** The most preferred candidate's word says most. */
  #firstError(): unknown {
    const failures = this.#candidates.map((candidate) => this.#passed.get(candidate));
    return failures.find((why) => why?.kind === 'failed')?.error;
  }
}
