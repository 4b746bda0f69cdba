import type { Admission } from '@/lib/datasets/admission.ts';
import type { IdempotencyRepository } from '@/lib/datasets/idempotency-repository.ts';
import type { Janitor } from '@/lib/datasets/janitor.ts';
import type { ManifestReconciler } from '@/lib/datasets/manifest-reconciler.ts';
import type { ManifestSweeper } from '@/lib/datasets/manifest-sweeper.ts';
import type { UploadProcessor } from '@/lib/datasets/uploads/upload-processor.ts';
import type { UploadService } from '@/lib/datasets/uploads/upload-service.ts';
import { Loop } from '@/lib/jobs/loop.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import type { TombstoneRepository } from '@/lib/placement/tombstone-repository.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface CaretakerParts {
  admission: Admission;
  janitor: Janitor;
  manifests: ManifestReconciler;
  sweeper: ManifestSweeper;
  uploads: UploadService;
  processor: UploadProcessor;
  idempotency: IdempotencyRepository;
  tombstones: TombstoneRepository;
  /** Stores whose manifests are compared with the rows after a crash. */
  manifestStores: readonly StorageService[];
  /** Whether some process of this host did not end in order. */
  afterCrash: boolean;
  /** Removes what killed processes left in the store on this machine's disk. Returns how many files. */
  sweepStore?: () => Promise<number>;
  log: Logger;
  timing?: { sweepMs?: number; tidyMs?: number; storeMs?: number };
}

const SWEEP_MS = 15_000;
const TIDY_MS = 5 * 60_000;
/** It walks the whole folder. */
const STORE_MS = 6 * 60 * 60_000;
/** As long as a client may repeat a request and get the same answer. */
const IDEMPOTENCY_HOURS = 48;
const TOMBSTONE_DAYS = 30;

/** Runs recovery at start and the sweeps for ever after, for the datasets of this host. */
export class Caretaker {
  readonly #parts: CaretakerParts;
  readonly #loops: Loop[];
  readonly #stopping = new AbortController();
  #scan: Promise<void> = Promise.resolve();

  constructor(parts: CaretakerParts) {
    this.#parts = parts;
    const { log, timing = {} } = parts;
    const sweep = { name: 'dataset sweep', everyMs: timing.sweepMs ?? SWEEP_MS, work: () => this.#sweep(), log };
    const tidy = { name: 'dataset tidy', everyMs: timing.tidyMs ?? TIDY_MS, work: () => this.#tidy(), log };
    const store = { name: 'store sweep', everyMs: timing.storeMs ?? STORE_MS, work: () => this.#sweepStore(), log };
    this.#loops = [new Loop(sweep), new Loop(tidy), new Loop(store)];
  }

  /**
   * Brings rows and manifests together before the first request is answered, then finishes in the background what other
   * processes left.
   */
  async start(): Promise<void> {
    await this.#parts.manifests.reconcileHost();
    for (const loop of this.#loops) loop.start();
    if (this.#parts.afterCrash) this.#scan = this.#scanStores();
  }

  /** Resolves when nothing of it runs any more. What was not finished is the next process's. */
  async stop(): Promise<void> {
    const { admission, processor, janitor } = this.#parts;
    this.#stopping.abort();
    admission.close();
    processor.stop();
    janitor.stop();
    await Promise.all([...this.#loops.map((loop) => loop.stop()), this.#scan]);
    await Promise.all([processor.settled(), janitor.settled()]);
  }

  async #sweep(): Promise<boolean> {
    await this.#parts.janitor.sweep();
    await this.#parts.uploads.sweep();
    return false;
  }

  async #tidy(): Promise<boolean> {
    const { janitor, sweeper, idempotency, tombstones } = this.#parts;
    await janitor.sweepFiles();
    await sweeper.sweep();
    await idempotency.forget(IDEMPOTENCY_HOURS);
    await tombstones.forget(TOMBSTONE_DAYS);
    return false;
  }

  async #sweepStore(): Promise<boolean> {
    const removed = (await this.#parts.sweepStore?.()) ?? 0;
    if (removed > 0) this.#parts.log.info({ removed }, 'removed files of unfinished writes from the store');
    return false;
  }

  async #scanStores(): Promise<void> {
    const { manifests, manifestStores, log } = this.#parts;
    const { signal } = this.#stopping;
    try {
      for (const store of manifestStores) await manifests.reconcileStore(store, signal);
    } catch (error) {
      if (!signal.aborted)
        log.error({ err: error }, 'the manifests of a store could not be compared with the database');
    }
  }
}
