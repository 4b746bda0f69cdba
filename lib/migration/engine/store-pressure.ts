import type { StorageEvent, StorageObserver } from '@/lib/storage/layers/metrics.ts';

const PRESSED: readonly StorageEvent['outcome'][] = ['rate_limited', 'unavailable', 'timeout'];

/** Tells those who copy when a store asks for patience: at the first refusal, before anything was repeated. */
export class StorePressure implements StorageObserver {
  readonly #listeners = new Set<(retryAfterMs: number | undefined) => void>();

  /** Returns the function that ends it. */
  listen(listener: (retryAfterMs: number | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onCall({ outcome, retryAfterMs }: StorageEvent): void {
    if (!PRESSED.includes(outcome)) return;
    for (const listener of this.#listeners) listener(retryAfterMs);
  }

  onBytes(): void {}
}
