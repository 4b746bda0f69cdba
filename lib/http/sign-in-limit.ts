import { LongshoreError } from '@/lib/errors.ts';

/** Failures that one address may make before it has to wait. */
const FREE_FAILURES = 10;
const WINDOW_MS = 60_000;
/** Addresses remembered at most; beyond these the oldest are forgotten. */
const MAX_ADDRESSES = 10_000;

/**
 * Slows down guessing of keys and tokens, by address. 256-bit keys cannot be guessed anyway: this keeps a broken or
 * hostile client from costing a database lookup each time.
 */
export class SignInLimit {
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; until: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @throws too_many_sign_ins */
  check(address: string): void {
    const entry = this.#failures.get(address);
    if (entry === undefined || entry.count < FREE_FAILURES) return;
    const waitMs = entry.until - this.#now();
    if (waitMs <= 0) {
      this.#failures.delete(address);
      return;
    }
    throw new LongshoreError('too_many_sign_ins', 'Too many failed sign-ins from this address.', {
      hint: 'Wait, then use a valid key.',
      details: { retry_after_seconds: Math.ceil(waitMs / 1000) },
    });
  }

  failed(address: string): void {
    const now = this.#now();
    const entry = this.#failures.get(address);
    const count = entry === undefined || entry.until <= now ? 1 : entry.count + 1;
    this.#failures.delete(address);
    this.#failures.set(address, { count, until: now + WINDOW_MS });
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > MAX_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest);
  }
}
