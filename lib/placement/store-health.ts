import type { InstallationStores, OwnStore } from '@/lib/placement/installation-stores.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';
import type { CircuitView, StorageProvider, StorageService } from '@/lib/storage/storage-service.ts';

/** How a store answered when it was last asked. */
export interface StoreHealth {
  role: OwnStore['role'] | 'user';
  provider: StorageProvider;
  endpoint: string | null;
  bucket: string;
  ok: boolean;
  circuit: CircuitView;
  /** Code of what it answered, where that was no good. */
  error: string | null;
  checkedAt: Date;
}

const BELIEVED_MS = 10_000;
const PROBE_TIMEOUT_MS = 1_500;

/** Knows how the stores of the installation fare. Asks each of them at most once in ten seconds, whoever wants to know. */
export class StoreHealthMonitor {
  readonly #stores: Pick<InstallationStores, 'own' | 'opened' | 'bucketOf'>;
  readonly #now: () => Date;
  #latest: { until: number; healths: Promise<StoreHealth[]> } | undefined;

  constructor(stores: Pick<InstallationStores, 'own' | 'opened' | 'bucketOf'>, now: () => Date) {
    this.#stores = stores;
    this.#now = now;
  }

  /** The installation's own stores. */
  async own(): Promise<StoreHealth[]> {
    const now = this.#now().getTime();
    if (this.#latest === undefined || this.#latest.until <= now) {
      const healths = Promise.all(this.#stores.own().map(({ role, service }) => this.#ask(role, service)));
      this.#latest = { until: now + BELIEVED_MS, healths };
    }
    return this.#latest.healths;
  }

  /** The bucket that a user's datasets go to, where it is the user's own. */
  async ofUser(userId: string): Promise<StoreHealth[]> {
    const bucket = await this.#stores.bucketOf(userId);
    const isPlatform = this.#stores.own().some(({ service }) => service === bucket);
    return bucket === undefined || isPlatform ? [] : [await this.#ask('user', bucket)];
  }

  /** Users' buckets that this process has given up on for the moment, and how many it speaks to. */
  usersBuckets(): { opened: number; unwell: StoreHealth[] } {
    const opened = this.#stores.opened();
    const unwell = opened.filter((service) => service.circuit !== undefined && service.circuit !== 'closed');
    return { opened: opened.length, unwell: unwell.map((service) => this.#view('user', service, 'unavailable')) };
  }

  async #ask(role: StoreHealth['role'], service: StorageService): Promise<StoreHealth> {
    return this.#view(role, service, await faultOf(service));
  }

  #view(role: StoreHealth['role'], service: StorageService, error: string | null): StoreHealth {
    const { provider, bucket, endpoint = null, circuit = 'closed' } = service;
    return { role, provider, bucket, endpoint, circuit, ok: error === null, error, checkedAt: this.#now() };
  }
}

async function faultOf(service: StorageService): Promise<string | null> {
  const limit = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  try {
    await service.probe(limit);
    return null;
  } catch (error) {
    if (limit.aborted) return 'timeout';
    if (StorageError.is(error)) return error.code;
    throw error;
  }
}
