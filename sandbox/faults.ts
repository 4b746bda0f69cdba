/**
 * The fault switch: rules that make a sandbox server misbehave on purpose, in memory or over `/__sandbox/faults`.
 * Every rule counts its own matches, and probabilities come from one seeded generator, so a run can be repeated.
 */

/** `before`: nothing was done. `after`: the operation happened, the client never learned. */
export type FaultMoment = 'before' | 'after';
/** Which body is meant: the one that the client sends, or the one that it receives. */
export type FaultSide = 'request' | 'response';

export type FaultAction =
  /** Answer with this status, in the server's own error format. A status of 200 carries the error in the body. */
  | { kind: 'status'; status: number; code?: string; message?: string; retryAfterSeconds?: number; when?: FaultMoment }
  | { kind: 'delay'; delayMs: number; when?: FaultMoment }
  /** Never answer; with a side, stop after `afterBytes` of that body and keep the connection open. */
  | { kind: 'stall'; when?: FaultMoment | FaultSide; afterBytes?: number }
  /** Reset the TCP connection; with a side, after `afterBytes` of that body. */
  | { kind: 'reset'; when?: FaultMoment | FaultSide; afterBytes?: number }
  /** End a body early: a response closes the connection short of its length, a request looks finished to the server. */
  | { kind: 'truncate'; side?: FaultSide; afterBytes: number }
  | { kind: 'bit_flip'; side?: FaultSide; atByte?: number }
  /** Answer as if the write had worked, and keep nothing. Each server documents where it applies. */
  | { kind: 'false_success' }
  /** Refuse what exceeds `perSecond` matching requests; `burst` (default: perSecond) pass at once. */
  | { kind: 'rate_limit'; perSecond: number; burst?: number; status?: number; retryAfterSeconds?: number }
  /** Reset every connection at its first request. See `stop()` of the server for a refused connection. */
  | { kind: 'outage' };

export interface FaultRule {
  method?: string | string[];
  /** A string matches anywhere in the undecoded path (no query). */
  path?: string | RegExp;
  /** Operation names as the server's request log shows them, e.g. `PutObject`, `tus.patch`. */
  operation?: string | string[];
  /** Matching requests that pass before the rule acts. Default 0. */
  skip?: number;
  /** How often the rule acts. Default: without end. */
  times?: number;
  /** 0 to 1, default 1. */
  probability?: number;
  action: FaultAction;
}

export interface RequestFacts {
  method: string;
  path: string;
  operation: string;
}

export interface ActiveRule {
  id: string;
  rule: FaultRule;
  matched: number;
  acted: number;
}

type RuleState = ActiveRule & { tokens: number; refilledAt: number };

export interface FaultOptions {
  /** Seed of the probabilities. Default 1. */
  seed?: number;
  /** Milliseconds; only rate limits use it. */
  now?: () => number;
}

export class FaultInjector {
  readonly #rules = new Map<string, RuleState>();
  readonly #random: () => number;
  readonly #now: () => number;
  #lastId = 0;

  constructor(options: FaultOptions = {}) {
    this.#random = seededRandom(options.seed ?? 1);
    this.#now = options.now ?? Date.now;
  }

  /** Returns the id by which `remove` and `get` know the rule. */
  add(rule: FaultRule): string {
    const id = `fault-${++this.#lastId}`;
    const tokens = rule.action.kind === 'rate_limit' ? (rule.action.burst ?? rule.action.perSecond) : 0;
    this.#rules.set(id, { id, rule, matched: 0, acted: 0, tokens, refilledAt: this.#now() });
    return id;
  }

  get(id: string): ActiveRule | undefined {
    return this.#rules.get(id);
  }

  list(): ActiveRule[] {
    return [...this.#rules.values()].map(({ id, rule, matched, acted }) => ({ id, rule, matched, acted }));
  }

  remove(id: string): boolean {
    return this.#rules.delete(id);
  }

  clear(): void {
    this.#rules.clear();
  }

  /** The actions that befall this request, in the order in which their rules were added. Counts them as used. */
  take(facts: RequestFacts): FaultAction[] {
    return [...this.#rules.values()].filter((state) => this.#acts(state, facts)).map((state) => state.rule.action);
  }

  #acts(state: RuleState, facts: RequestFacts): boolean {
    const { rule } = state;
    if (!matches(rule, facts)) return false;
    state.matched += 1;
    if (state.matched <= (rule.skip ?? 0) || state.acted >= (rule.times ?? Number.POSITIVE_INFINITY)) return false;
    if (rule.probability !== undefined && this.#random() >= rule.probability) return false;
    if (rule.action.kind === 'rate_limit' && this.#allowed(state, rule.action)) return false;
    state.acted += 1;
    return true;
  }

  #allowed(state: RuleState, limit: { perSecond: number; burst?: number }): boolean {
    const now = this.#now();
    const gained = ((now - state.refilledAt) / 1000) * limit.perSecond;
    state.tokens = Math.min(limit.burst ?? limit.perSecond, state.tokens + gained);
    state.refilledAt = now;
    if (state.tokens < 1) return false;
    state.tokens -= 1;
    return true;
  }
}

function matches(rule: FaultRule, facts: RequestFacts): boolean {
  return (
    includes(rule.method, facts.method) && includes(rule.operation, facts.operation) && onPath(rule.path, facts.path)
  );
}

function includes(wanted: string | string[] | undefined, actual: string): boolean {
  return wanted === undefined || (Array.isArray(wanted) ? wanted.includes(actual) : wanted === actual);
}

function onPath(wanted: string | RegExp | undefined, path: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === 'string' ? path.includes(wanted) : wanted.test(path);
}

/** mulberry32: small, and the same on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
