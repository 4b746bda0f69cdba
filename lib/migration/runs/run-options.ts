import { z } from 'zod';
import type { JsonObject } from '@/lib/db/schema.ts';
import { DEFAULT_CONCURRENCY, type MigrationOptions } from '@/lib/migration/types.ts';

/** How a run's row keeps its options: as JSON, with names and units that a person can read there. */
const STORED = z.object({
  user_ids: z.array(z.string()).optional(),
  created_before: z.iso.datetime({ offset: true }).optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
  min_bytes: z.number().optional(),
  max_bytes: z.number().optional(),
  concurrency: z.number().default(DEFAULT_CONCURRENCY),
  bwlimit_bytes_per_second: z.number().nullable().default(null),
});

export type StoredOptions = z.infer<typeof STORED>;

export function encodeOptions({ filters, concurrency, bwlimitBytesPerSecond }: MigrationOptions): StoredOptions {
  return {
    user_ids: filters.userIds === undefined ? undefined : [...filters.userIds],
    created_before: filters.createdBefore?.toISOString(),
    created_after: filters.createdAfter?.toISOString(),
    min_bytes: filters.minBytes,
    max_bytes: filters.maxBytes,
    concurrency,
    bwlimit_bytes_per_second: bwlimitBytesPerSecond,
  };
}

export function decodeOptions(stored: JsonObject): MigrationOptions {
  const options = STORED.parse(stored);
  return {
    filters: {
      userIds: options.user_ids,
      createdBefore: options.created_before === undefined ? undefined : new Date(options.created_before),
      createdAfter: options.created_after === undefined ? undefined : new Date(options.created_after),
      minBytes: options.min_bytes,
      maxBytes: options.max_bytes,
    },
    concurrency: options.concurrency,
    bwlimitBytesPerSecond: options.bwlimit_bytes_per_second,
  };
}
