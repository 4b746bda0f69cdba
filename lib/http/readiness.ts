import { LongshoreError } from '@/lib/errors.ts';

/** Something without which this process cannot serve. Throws when it is not well. */
export type ReadinessCheck = (signal: AbortSignal) => Promise<void>;

const CHECK_TIMEOUT_MS = 2_000;

/** What /readyz answers from. */
export class Readiness {
  readonly #checks = new Map<string, ReadinessCheck>();
  #stopping = false;

  add(name: string, check: ReadinessCheck): void {
    this.#checks.set(name, check);
  }

  /** From here on the answer is no, so that a load balancer looks elsewhere while running work is finished. */
  startStopping(): void {
    this.#stopping = true;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  async check(): Promise<{ ready: boolean; checks: Record<string, 'ok' | 'failed'> }> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await passes(check)] as const),
    );
    const checks = Object.fromEntries([...results, ['accepting', this.#stopping ? 'failed' : 'ok'] as const]);
    return { ready: Object.values(checks).every((result) => result === 'ok'), checks };
  }
}

async function passes(check: ReadinessCheck): Promise<'ok' | 'failed'> {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new LongshoreError('not_ready', 'The check took too long.')));
  });
  return Promise.race([check(signal), late]).then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
}
