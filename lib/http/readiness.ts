import { LongshoreError } from '@/lib/errors.ts';

/** Something without which this process cannot serve. Throws when it is not well. */
export type ReadinessCheck = (signal: AbortSignal) => Promise<void>;

/** Which stores answer, by their part in the installation. */
export type StoreCheck = () => Promise<Record<string, boolean>>;

export type ReadyState = 'ready' | 'degraded' | 'not_ready';
type Outcome = 'ok' | 'failed';

const CHECK_TIMEOUT_MS = 2_000;

/** What /readyz answers from. */
export class Readiness {
  readonly #checks = new Map<string, ReadinessCheck>();
  #stores: StoreCheck = async () => ({});
  #stopping = false;

  add(name: string, check: ReadinessCheck): void {
    this.#checks.set(name, check);
  }

  /** Stores stand in for each other: one that fails degrades, and only the last one's failure says no. */
  watchStores(check: StoreCheck): void {
    this.#stores = check;
  }

  /** From here on the answer is no, so that a load balancer looks elsewhere while running work is finished. */
  startStopping(): void {
    this.#stopping = true;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  async check(): Promise<{ state: ReadyState; checks: Record<string, Outcome>; stores: Record<string, Outcome> }> {
    const [results, stores] = await Promise.all([
      Promise.all([...this.#checks].map(async ([name, check]) => [name, await passes(check)] as const)),
      this.#stores(),
    ]);
    const checks = Object.fromEntries([...results, ['accepting', outcome(!this.#stopping)] as const]);
    const told = Object.entries(stores).map(([name, ok]) => [name, outcome(ok)] as const);
    return { state: stateOf(Object.values(checks), Object.values(stores)), checks, stores: Object.fromEntries(told) };
  }
}

function stateOf(checks: readonly Outcome[], stores: readonly boolean[]): ReadyState {
  const oneStoreLives = stores.length === 0 || stores.some((ok) => ok);
  if (checks.includes('failed') || !oneStoreLives) return 'not_ready';
  return stores.every((ok) => ok) ? 'ready' : 'degraded';
}

function outcome(ok: boolean): Outcome {
  return ok ? 'ok' : 'failed';
}

async function passes(check: ReadinessCheck): Promise<Outcome> {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new LongshoreError('not_ready', 'The check took too long.')));
  });
  return Promise.race([check(signal), late]).then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
}
