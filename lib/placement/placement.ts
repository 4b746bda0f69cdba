import type { Database, Executor, Transaction } from '@/lib/db/database.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import type { PhaseRepository } from '@/lib/placement/phase-repository.ts';
import type { StoreRegistry, StoreTarget } from '@/lib/placement/store-registry.ts';

/** Where a user's datasets belong, and the phase that says so. */
export interface Wanted {
  phase: Phase;
  targets: StoreTarget[];
  /** Since when datasets are written to buckets too; null in base_only. */
  bucketSince: Date | null;
}

/** Answers where copies belong, and keeps that answer true while a transaction acts on it. */
export class Placement {
  readonly #db: Database;
  readonly #phases: PhaseRepository;
  readonly #registry: StoreRegistry;

  constructor(parts: { db: Database; phases: PhaseRepository; registry: StoreRegistry }) {
    this.#db = parts.db;
    this.#phases = parts.phases;
    this.#registry = parts.registry;
  }

  /** @throws bucket_required */
  async wanted(userId: string): Promise<Wanted> {
    const { phase, bucketSince } = await this.#present();
    return { phase, bucketSince, targets: await this.#registry.wanted(userId, phase) };
  }

  /** As `wanted`, where a user without a bucket is no error: nothing is wanted then, and nothing is taken away. */
  async wantedOrNone(userId: string): Promise<Wanted> {
    const { phase, bucketSince } = await this.#present();
    const targets = await this.#registry.wanted(userId, phase).catch((error) => {
      if (error instanceof LongshoreError && error.code === 'bucket_required') return [];
      throw error;
    });
    return { phase, targets, bucketSince };
  }

  /**
   * Runs `work` in a transaction in which the phase of `wanted` cannot be left. When it was left before, asks again and
   * starts over.
   */
  async inPhase<T>(ask: () => Promise<Wanted>, work: (tx: Transaction, wanted: Wanted) => Promise<T>): Promise<T> {
    for (;;) {
      const wanted = await ask();
      const outcome = await this.#db.transaction(async (tx) =>
        (await this.#stillIn(tx, wanted.phase)) ? { value: await work(tx, wanted) } : undefined,
      );
      if (outcome !== undefined) return outcome.value;
    }
  }

  async #present(): Promise<Pick<Wanted, 'phase' | 'bucketSince'>> {
    const { phase } = await this.#phases.current();
    return { phase, bucketSince: phase === 'base_only' ? null : await this.#phases.dualWriteSince() };
  }

  async #stillIn(tx: Executor, phase: Phase): Promise<boolean> {
    return (await this.#phases.hold(tx)) === phase;
  }
}
