import type { PhaseState, StorageState } from '../shared/api/types.ts';

export type PhaseName = PhaseState['phase'];

export const PHASE_ORDER: readonly PhaseName[] = ['base_only', 'dual_write', 'hybrid_read', 's3_primary'];

interface PhaseWords {
  title: string;
  /** Where a new dataset goes, and which copy a download takes. */
  means: string;
}

export const PHASES: Readonly<Record<PhaseName, PhaseWords>> = {
  base_only: {
    title: 'Base only',
    means: 'New datasets are kept in the base store. Downloads come from there.',
  },
  dual_write: {
    title: 'Dual write',
    means: 'New datasets are kept in the base store and in S3. Downloads come from the base store.',
  },
  hybrid_read: {
    title: 'Hybrid read',
    means: 'New datasets are kept in both. Downloads come from S3, and from the base store when S3 cannot serve.',
  },
  s3_primary: {
    title: 'S3 primary',
    means: 'New datasets are kept in S3 alone. What the base store holds stays there and can still serve.',
  },
};

const STORES: Readonly<Record<string, string>> = { s3: 'S3', supabase: 'Supabase Storage', filesystem: 'Disk' };

export function storeName(provider: string): string {
  return STORES[provider] ?? provider;
}

/** Work on copies. What merely looks on a schedule whether there is work is not told. */
const JOBS: Readonly<Record<string, string>> = {
  write_replica: 'Copies to write',
  verify_replica: 'Copies to read back',
  retire_replica: 'Bad copies to retire',
  remove_replica: 'Copies to remove',
  reconcile_placement: 'Comparison of copies',
  inspect_dataset: 'Datasets to read for the first time',
  read_adopted: 'Parts of the adopted datasets to read for the first time',
  scrub_slice: 'Scrub',
  run_migration: 'Migration',
  check_migration: 'Read-back of a migration',
};

/** Undefined: of no interest to who looks at copies. */
export function jobName(type: string): string | undefined {
  return JOBS[type];
}

export type Store = StorageState['stores'][number];
export type Health = StorageState['health'][number];

/** The same bucket, told by what lies in it and by how it answers. */
export function isSameStore(store: Store, health: Health): boolean {
  return store.provider === health.provider && store.bucket === health.bucket && store.endpoint === health.endpoint;
}

export function datasetCount(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? 'dataset' : 'datasets'}`;
}
