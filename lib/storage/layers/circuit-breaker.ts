import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { type RunCall, type StorageCall, StorageLayer, timeoutBehind } from '@/lib/storage/layers/storage-layer.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { CircuitView, StorageService } from '@/lib/storage/storage-service.ts';

export interface BreakerOptions {
  /** Failures in a row that open the circuit. Default 8. */
  failures?: number;
  /** How long calls are refused before one is let through to try. Default 10,000. */
  openMs?: number;
}

const PROBE_TIMEOUT_MS = 10_000;

/**
 * Stops calling a store that is down: after several `unavailable` or `timeout` in a row, calls fail at once with
 * `unavailable`, so that readers turn to another replica without waiting. Other errors are answers of a living store.
 */
export function breaker(inner: StorageService, options: BreakerOptions = {}): StorageService {
  return new BreakerLayer(inner, options);
}

class BreakerLayer extends StorageLayer {
  private readonly policy: CircuitBreakerPolicy;
  private readonly openMs: number;

  constructor(inner: StorageService, options: BreakerOptions) {
    super(inner);
    this.openMs = options.openMs ?? 10_000;
    this.policy = circuitBreaker(handleWhen(isStoreDown), {
      halfOpenAfter: this.openMs,
      breaker: new ConsecutiveBreaker(options.failures ?? 8),
    });
  }

  override get circuit(): CircuitView {
    if (this.policy.state === CircuitState.Open) return 'open';
    return this.policy.state === CircuitState.HalfOpen ? 'half_open' : 'closed';
  }

  protected async around<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
    try {
      if (this.policy.state !== CircuitState.Closed) await this.policy.execute(() => this.tryProbe(call));
      return await this.policy.execute(() => toldTimeout(call, run));
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw this.refusal(call);
      throw error;
    }
  }

  /**
   * The first call after the pause. A cheap one of our own, because others wait for its outcome: they must not wait for
   * somebody's long upload. Any answer, a refusal included, shows a living store.
   */
  private async tryProbe(call: StorageCall): Promise<void> {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    try {
      await this.inner.probe(signal);
    } catch (error) {
      if (signal.aborted) throw new StorageError('timeout', { ...this.contextOf(call), cause: error });
      if (StorageError.is(error) && !isStoreDown(error)) return;
      throw error;
    }
  }

  /** `exhausted`: the store was tried often enough just now; the caller's next attempt is a matter of minutes. */
  private refusal(call: StorageCall): StorageError {
    const detail = 'the store failed several times in a row and is being left alone';
    return new StorageError('unavailable', {
      ...this.contextOf(call),
      detail,
      retry: 'exhausted',
      retryAfterMs: this.openMs,
    });
  }
}

function isStoreDown(error: Error): boolean {
  return StorageError.is(error, 'unavailable') || StorageError.is(error, 'timeout');
}

/** A call that the timeout layer gave up on counts as a failure, not as the caller's wish to stop. */
async function toldTimeout<T>(call: StorageCall, run: RunCall<T>): Promise<T> {
  try {
    return await run(call.signal);
  } catch (error) {
    throw timeoutBehind(call.signal) ?? error;
  }
}
