/** The installation's phase decides where copies belong and which is read first. It never hides a copy. */
export const PHASES = ['base_only', 'dual_write', 'hybrid_read', 's3_primary'] as const;
export type Phase = (typeof PHASES)[number];

/** The base store every installation has, or the S3 bucket of the user or of the platform. */
export type StoreRole = 'base' | 'bucket';

const WRITES: Record<Phase, readonly StoreRole[]> = {
  base_only: ['base'],
  dual_write: ['base', 'bucket'],
  hybrid_read: ['base', 'bucket'],
  s3_primary: ['bucket'],
};

const READS: Record<Phase, readonly StoreRole[]> = {
  base_only: ['base', 'bucket'],
  dual_write: ['base', 'bucket'],
  hybrid_read: ['bucket', 'base'],
  s3_primary: ['bucket', 'base'],
};

/** Where a dataset that is written in this phase gets copies. */
export function writtenRoles(phase: Phase): readonly StoreRole[] {
  return WRITES[phase];
}

/** Both roles, the preferred one first. */
export function readOrder(phase: Phase): readonly StoreRole[] {
  return READS[phase];
}

/** The role of a copy by its provider: a former base store stays a base store. */
export function roleOf(copy: { provider: string }): StoreRole {
  return copy.provider === 's3' ? 'bucket' : 'base';
}
