import { formatBytes } from '@/lib/format.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import type { Volume } from '@/lib/placement/phase-facts.ts';

/** What stepping back from a phase means, in sentences for the person who is about to do it. */
export function consequencesOfBack(from: Phase, onlyInBucket: Volume): string[] {
  return [...WHAT_CHANGES[from], ...whatIsCopied(onlyInBucket), 'Every dataset stays readable; nothing is deleted.'];
}

const WHAT_CHANGES: Record<Phase, readonly string[]> = {
  base_only: [],
  dual_write: [
    'New datasets are kept in the base store only.',
    'Copies that are in S3 already stay there and serve when the base copy cannot.',
  ],
  hybrid_read: [
    'Downloads come from the base store first again, and from S3 when that cannot serve.',
    'New datasets are still written to both.',
  ],
  s3_primary: [
    'New datasets are written to the base store and to S3 again.',
    'Users without a bucket can upload again.',
    'Downloads still come from S3 first.',
  ],
};

function whatIsCopied({ datasets, bytes }: Volume): string[] {
  if (datasets === 0) return [];
  const what = datasets === 1 ? '1 dataset that only S3 has is' : `${datasets} datasets that only S3 has are`;
  return [`${what} copied to the base store in the background (${formatBytes(bytes)}).`];
}
