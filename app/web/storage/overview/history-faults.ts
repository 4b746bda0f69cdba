import type { StorageSample } from '../../shared/api/types.ts';

type Store = StorageSample['stores'][number];

export interface StoreFault {
  store: Pick<Store, 'provider' | 'endpoint' | 'bucket'>;
  /** Samples at which it did not answer. */
  silent: number;
  /** The most damaged copies at any sample. */
  bad: number;
}

/** Stores with which anything was ever wrong, the worst first. */
export function faultsIn(samples: readonly StorageSample[]): StoreFault[] {
  const faults = new Map<string, StoreFault>();
  for (const store of samples.flatMap((sample) => sample.stores)) {
    const { provider, endpoint, bucket } = store;
    const key = JSON.stringify([provider, endpoint, bucket]);
    const known = faults.get(key) ?? { store: { provider, endpoint, bucket }, silent: 0, bad: 0 };
    known.silent += store.answers === false ? 1 : 0;
    known.bad = Math.max(known.bad, store.bad);
    faults.set(key, known);
  }
  return [...faults.values()]
    .filter(({ silent, bad }) => silent + bad > 0)
    .sort((a, b) => b.bad - a.bad || b.silent - a.silent);
}
