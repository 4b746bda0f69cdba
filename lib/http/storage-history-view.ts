import { z } from 'zod';
import { HISTORY_DAYS, type StorageSample } from '@/lib/placement/storage-history.ts';

export const historyQuery = z.object({ days: z.coerce.number().int().min(1).max(HISTORY_DAYS).default(7) });

const sampleView = z.object({
  at: z.string(),
  datasets: z.number(),
  bytes: z.number(),
  no_verified_copy: z.number(),
  one_verified_copy: z.number(),
  two_verified_copies: z.number(),
  stores: z.array(
    z.object({
      provider: z.string(),
      endpoint: z.string().nullable(),
      bucket: z.string(),
      copies: z.number(),
      bytes: z.number(),
      /** Missing, corrupt or failed copies. */
      bad: z.number(),
      /** Read back within 30 days of the sample. */
      verified_lately: z.number(),
      /** Null where nobody had asked the store. */
      answers: z.boolean().nullable(),
    }),
  ),
});

export const storageHistoryView = z.object({ samples: z.array(sampleView) });

export function showSample(sample: StorageSample): z.infer<typeof sampleView> {
  return {
    at: sample.at.toISOString(),
    datasets: sample.datasets,
    bytes: sample.bytes,
    no_verified_copy: sample.noneVerified,
    one_verified_copy: sample.oneVerified,
    two_verified_copies: sample.twoOrMoreVerified,
    stores: sample.stores,
  };
}
