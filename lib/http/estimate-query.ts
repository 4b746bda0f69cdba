import { z } from 'zod';
import type { EstimateOptions } from '@/lib/migration/estimate/estimate.ts';

const price = z.coerce.number().min(0).max(1e6).optional();

/** Prices in US dollars; a GB is 10^9 bytes. */
export const estimateQuery = z.object({
  bytes_per_second: z.coerce.number().int().min(1).optional(),
  users: z.coerce.number().int().min(0).max(1000).optional(),
  source_egress_per_gb: price,
  included_egress_gb: price,
  s3_put_per_1000: price,
  s3_get_per_1000: price,
  s3_storage_per_gb_month: price,
  s3_egress_per_gb: price,
});

export function estimateOptionsOf({
  bytes_per_second,
  users,
  ...prices
}: z.infer<typeof estimateQuery>): EstimateOptions {
  return { bytesPerSecond: bytes_per_second, users, prices };
}
