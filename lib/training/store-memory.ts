import type { ServedReplica } from '@/lib/training/served-dataset.ts';

/** How long a copy that answered is believed to answer. */
const PROBE_TTL_MS = 5_000;
/** How long a store that failed is asked after the others. */
const UNWELL_MS = 5_000;
const KEPT = 10_000;

/** What this process has seen of stores and copies in the last seconds, so that not every request has to find out. */
export class StoreMemory {
  readonly #nowMs: () => number;
  readonly #answered = new Map<string, number>();
  /** Grows with each failure of a store: what was believed of its copies is no longer found. */
  readonly #failures = new Map<string, number>();
  readonly #unwell = new Map<string, { reason: string; until: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether this very copy answered just now. Never where the credentials are in doubt. */
  believes(replica: ServedReplica): boolean {
    return !replica.inDoubt && (this.#answered.get(this.#copyKey(replica)) ?? 0) > this.#nowMs();
  }

  answered(replica: ServedReplica): void {
    if (this.#answered.size >= KEPT) this.#answered.clear();
    this.#answered.set(this.#copyKey(replica), this.#nowMs() + PROBE_TTL_MS);
  }

  /** Nothing of what the copy's store answered before is believed any more. */
  failed(replica: ServedReplica, reason: string): void {
    if (reason === 'missing' || reason === 'corrupt') {
      this.#answered.delete(this.#copyKey(replica));
      return;
    }
    const store = storeKey(replica);
    if (this.#unwell.size >= KEPT) this.#unwell.clear();
    this.#failures.set(store, (this.#failures.get(store) ?? 0) + 1);
    this.#unwell.set(store, { reason, until: this.#nowMs() + UNWELL_MS });
  }

  /** Why the copy's store is asked last at present; undefined when it is well. */
  faultOf(replica: ServedReplica): string | undefined {
    const known = this.#unwell.get(storeKey(replica));
    return known !== undefined && known.until > this.#nowMs() ? known.reason : undefined;
  }

  #copyKey(replica: ServedReplica): string {
    const { id, attempt, objectKey } = replica;
    const store = storeKey(replica);
    return `${id} ${attempt} ${objectKey} ${store} ${this.#failures.get(store) ?? 0}`;
  }
}

/** A store as these credentials reach it: others may fare better. */
function storeKey({ provider, endpoint, bucket, secretId }: ServedReplica): string {
  return `${provider} ${endpoint ?? ''} ${bucket} ${secretId ?? ''}`;
}
