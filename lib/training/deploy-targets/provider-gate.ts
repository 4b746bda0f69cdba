import type { HttpReply } from '@/lib/secrets/http-port.ts';
import { retryAfterMs } from '@/lib/storage/retry-after.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { sleep } from '@/lib/streams/abort.ts';
import { ProviderError } from './provider-error.ts';

export interface GateOptions {
  /** What people call the provider. */
  title: string;
  /** Least time between two requests of one account. */
  paceMs: number;
  /** One request. Default 20,000. */
  timeoutMs?: number;
  /** Before a second try; doubles. Default 500. */
  pauseMs?: number;
  /** Where a provider tells "slow down" otherwise than by 429. */
  isThrottled?: (reply: HttpReply) => boolean;
  now?: () => number;
  wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface Ask {
  /** Whose limits count: the id of the secret. */
  account: string;
  /** Doing it twice is doing it once. Others are tried again only where the provider said that it did nothing. */
  repeatable: boolean;
  signal?: AbortSignal;
}

const TRIES = 3;
/** Somebody waits for the answer: longer pauses are told, not slept. */
const LONGEST_PAUSE_MS = 15_000;
const ACCOUNTS_KEPT = 1000;

/** Sends requests to one provider: not faster than it allows, not longer than a person waits, again where that is safe. */
export class ProviderGate {
  readonly #options: GateOptions;
  readonly #now: () => number;
  readonly #wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** When an account may ask next. */
  readonly #next = new Map<string, number>();

  constructor(options: GateOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#wait = options.wait ?? sleep;
  }

  /** Any answer but 429 and 5xx. @throws target_unavailable, target_rate_limited */
  async ask(send: (signal: AbortSignal) => Promise<HttpReply>, ask: Ask): Promise<HttpReply> {
    let mayHaveHappened = false;
    for (let tried = 1; ; tried += 1) {
      const outcome = await this.#once(send, ask);
      if (!(outcome instanceof Refusal)) return outcome;
      mayHaveHappened ||= !outcome.nothingHappened;
      const again = tried < TRIES && (ask.repeatable || outcome.nothingHappened);
      if (!again || outcome.pauseMs > LONGEST_PAUSE_MS) throw outcome.error(this.#options.title, mayHaveHappened);
      const pauseMs = Math.max(outcome.pauseMs, (this.#options.pauseMs ?? 500) * 2 ** (tried - 1));
      await this.#wait(pauseMs, ask.signal);
    }
  }

  async #once(send: (signal: AbortSignal) => Promise<HttpReply>, ask: Ask): Promise<HttpReply | Refusal> {
    await this.#turn(ask);
    const limit = AbortSignal.timeout(this.#options.timeoutMs ?? 20_000);
    try {
      const reply = await send(ask.signal === undefined ? limit : AbortSignal.any([ask.signal, limit]));
      if (reply.status === 429 || this.#options.isThrottled?.(reply) === true) return throttled(reply);
      return reply.status >= 500 ? new Refusal(`HTTP ${reply.status}`, false, 0) : reply;
    } catch (error) {
      if (ask.signal?.aborted === true || !StorageError.is(error)) throw error;
      return new Refusal(limit.aborted ? 'no answer in time' : (error.detail ?? error.code), neverSent(error), 0);
    }
  }

  async #turn({ account, signal }: Ask): Promise<void> {
    const now = this.#now();
    const at = Math.max(now, this.#next.get(account) ?? 0);
    if (this.#next.size >= ACCOUNTS_KEPT) this.#next.clear();
    this.#next.set(account, at + this.#options.paceMs);
    if (at > now) await this.#wait(at - now, signal);
  }
}

class Refusal {
  readonly what: string;
  readonly nothingHappened: boolean;
  readonly pauseMs: number;
  readonly limited: boolean;

  constructor(what: string, nothingHappened: boolean, pauseMs: number, limited = false) {
    this.what = what;
    this.nothingHappened = nothingHappened;
    this.pauseMs = pauseMs;
    this.limited = limited;
  }

  error(title: string, uncertain: boolean): ProviderError {
    if (this.limited) {
      return new ProviderError('target_rate_limited', `${title} takes no more requests at the moment.`, {
        hint: 'Try again in a little while.',
        details: { retry_after_seconds: Math.max(5, Math.ceil(this.pauseMs / 1000)) },
        uncertain,
      });
    }
    return new ProviderError('target_unavailable', `${title} does not answer (${this.what}).`, {
      hint: 'Try again later.',
      uncertain,
    });
  }
}

function throttled(reply: HttpReply): Refusal {
  return new Refusal(`HTTP ${reply.status}`, true, retryAfterMs(reply.headers['retry-after']) ?? 1000, true);
}

/** The connection was never made, so nobody can have acted on it. */
function neverSent(error: StorageError): boolean {
  return error.code === 'endpoint_refused' || error.detail === 'ECONNREFUSED' || error.detail === 'ENOTFOUND';
}

/** The JSON of an answer; undefined where it is none. */
export function jsonOf(reply: HttpReply): unknown {
  try {
    return JSON.parse(reply.body.toString('utf8'));
  } catch {
    // A proxy's page, or nothing at all: whoever needs a field finds none and says so.
    return undefined;
  }
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

export function textOf(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name);
  return typeof field === 'string' && field !== '' ? field : undefined;
}

export function numberOf(value: unknown, name: string): number | undefined {
  const field = fieldOf(value, name);
  return typeof field === 'number' && Number.isFinite(field) ? field : undefined;
}

export function listOf(value: unknown, name: string): unknown[] {
  const field = fieldOf(value, name);
  return Array.isArray(field) ? field : [];
}
