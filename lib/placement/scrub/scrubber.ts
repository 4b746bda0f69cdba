import { setTimeout as sleep } from 'node:timers/promises';
import { LongshoreError } from '@/lib/errors.ts';
import { RunLater } from '@/lib/jobs/outcome.ts';
import type { Reconciler } from '@/lib/placement/reconciler.ts';
import type { ReplicaVerifier, Verdict } from '@/lib/placement/replica-verifier.ts';
import { failureFacts } from '@/lib/placement/replica-writer.ts';
import type { ScrubClaim, ScrubOutcome, ScrubRepository, ScrubRun } from '@/lib/placement/scrub/scrub-repository.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import { Pace } from '@/lib/streams/pace.ts';

export interface ScrubSettings {
  /** Of all processes together. */
  bytesPerSecond: number;
  /** How long ago a copy may have been read back before it is due again. */
  intervalMs: number;
}

const RENEW_MS = 15_000;
/** Others read the last copies of the run: one of them may die. */
const LOOK_AGAIN_MS = 15_000;

/**
 * Reads copies back, the one that waits longest first, within the installation's bandwidth. Any number of processes may
 * work on one run: each copy is claimed, and each claim takes its share of the bandwidth.
 */
export class Scrubber {
  readonly #repository: ScrubRepository;
  readonly #verifier: ReplicaVerifier;
  readonly #reconciler: Reconciler;
  readonly #settings: ScrubSettings;

  constructor(parts: {
    repository: ScrubRepository;
    verifier: ReplicaVerifier;
    reconciler: Reconciler;
    settings: ScrubSettings;
  }) {
    this.#repository = parts.repository;
    this.#verifier = parts.verifier;
    this.#reconciler = parts.reconciler;
    this.#settings = parts.settings;
  }

  /**
   * Reads until nothing is left of the run, which it then ends. True when it was this call that ended it.
   * `owner` MUST differ between any two calls that run at once.
   * @throws RunLater while others read the rest
   */
  async work(
    runId: string,
    owner: string,
    options: { signal?: AbortSignal; onChecked?: (count: number) => void } = {},
  ) {
    const { signal, onChecked } = options;
    for (let checked = 0; ; ) {
      signal?.throwIfAborted();
      const run = await this.#repository.find(runId);
      if (run === undefined || run.finishedAt !== null) return false;
      const claim = await this.#repository.claim(run, owner, this.#settings.bytesPerSecond);
      if (claim === 'busy') throw new RunLater(LOOK_AGAIN_MS, 'other processes read the rest');
      if (claim === undefined) return this.#repository.finish(run);
      await this.#check(run, claim, owner, signal);
      checked += 1;
      onChecked?.(checked);
    }
  }

  async #check(run: ScrubRun, claim: ScrubClaim, owner: string, signal: AbortSignal | undefined): Promise<void> {
    let bytes = 0;
    try {
      await sleep(claim.startInMs, undefined, { signal });
      const counting = this.#counting(claim, owner, signal, (count) => {
        bytes += count;
      });
      const verdict = await this.#verifier.verifyWith(claim.replicaId, { signal, onBytes: counting });
      await this.#repository.record(run, claim, owner, { outcome: outcomeOf(verdict), bytes });
      if (verdict !== undefined && verdict !== 'verified') await this.#reconciler.reconcile(claim.datasetId);
    } catch (error) {
      if (signal?.aborted || !speaksOfStore(error)) {
        await this.#repository.letGo(claim.replicaId, owner);
        throw error;
      }
      const { errorCode } = failureFacts(error);
      await this.#repository.record(run, claim, owner, { outcome: 'error', bytes, errorCode });
    }
  }

  /** Holds the reading to the rate and renews the claim while it goes on. */
  #counting(claim: ScrubClaim, owner: string, signal: AbortSignal | undefined, add: (count: number) => void) {
    const pace = new Pace(this.#settings.bytesPerSecond, signal);
    let renewedAt = performance.now();
    return async (count: number): Promise<void> => {
      add(count);
      await pace.pass(count);
      if (performance.now() - renewedAt < RENEW_MS) return;
      renewedAt = performance.now();
      await this.#repository.renew(claim.replicaId, owner);
    };
  }
}

/** A copy that went away while it was to be read is no finding. */
function outcomeOf(verdict: Verdict | undefined): ScrubOutcome {
  return verdict === undefined || verdict === 'verified' ? 'same' : verdict;
}

function speaksOfStore(error: unknown): boolean {
  return StorageError.is(error) || (error instanceof LongshoreError && error.code === 'store_unknown');
}
