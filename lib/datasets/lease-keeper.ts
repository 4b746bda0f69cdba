import { fencedError } from '@/lib/placement/replica.ts';
import { LEASE_MS } from '@/lib/placement/spool/spool-repository.ts';

/** Rows that this process holds for a time. */
export interface LeaseTable {
  /** Renews the leases of these rows and returns those that are still this process's. */
  renew(ids: readonly string[]): Promise<string[]>;
}

export interface Lease {
  /** Aborts when the lease was lost: somebody else does the work now. */
  readonly signal: AbortSignal;
  /** Ends the renewing. The row keeps its lease until somebody writes it. */
  release(): void;
}

/** Renews what this process holds, often enough that two renewals may fail before a lease ends. */
export class LeaseKeeper {
  readonly #table: LeaseTable;
  readonly #onError: (error: unknown) => void;
  readonly #held = new Map<string, AbortController>();
  #timer: NodeJS.Timeout | undefined;

  constructor(table: LeaseTable, onError: (error: unknown) => void) {
    this.#table = table;
    this.#onError = onError;
  }

  hold(id: string): Lease {
    const controller = new AbortController();
    this.#held.set(id, controller);
    this.#timer ??= setInterval(() => this.#renew().catch(this.#onError), LEASE_MS / 3).unref();
    return { signal: controller.signal, release: () => this.#release(id) };
  }

  holds(id: string): boolean {
    return this.#held.has(id);
  }

  /** Renews now. Called by the timer. */
  async #renew(): Promise<void> {
    const asked = [...this.#held.keys()];
    const kept = new Set(await this.#table.renew(asked));
    for (const id of asked) {
      if (!kept.has(id)) this.#held.get(id)?.abort(fencedError(`The work on ${id}`));
    }
  }

  #release(id: string): void {
    this.#held.delete(id);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
