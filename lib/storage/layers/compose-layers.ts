import { checked } from '@/lib/storage/layers/checked.ts';
import { type BreakerOptions, breaker } from '@/lib/storage/layers/circuit-breaker.ts';
import { type LimitOptions, limit } from '@/lib/storage/layers/limit.ts';
import { metrics, type StorageObserver } from '@/lib/storage/layers/metrics.ts';
import { type RetryOptions, retry } from '@/lib/storage/layers/retry.ts';
import { type TimeoutOptions, timeout } from '@/lib/storage/layers/timeout.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface LayerOptions {
  retry?: RetryOptions;
  limit?: LimitOptions;
  timeout?: TimeoutOptions;
  breaker?: BreakerOptions;
  /** Without one, nothing is measured. */
  observer?: StorageObserver;
}

/**
 * `checked(retry(limit(timeout(breaker(metrics(base))))))`. The order is part of the behaviour: a retry that sleeps holds
 * no slot; waiting for a slot does not count as a timeout; what the breaker refuses at once is not counted as a call.
 */
export function composeLayers(base: StorageService, options: LayerOptions = {}): StorageService {
  const measured = options.observer === undefined ? base : metrics(base, options.observer);
  const guarded = timeout(breaker(measured, options.breaker), options.timeout);
  return checked(retry(limit(guarded, options.limit), options.retry));
}
