import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';
import type { Problem, ProblemKey } from '@/lib/migration/adopt/problems.ts';

/** What adoption and estimate answer, for /openapi.json. */
const problemCounts = z.record(z.string(), z.number());

export const adoptionView = z.object({
  applied_at: z.string().nullable(),
  compared_at: z.string().nullable(),
  datasets: z.object({
    total: z.number(),
    adopted: z.number(),
    refused: z.number(),
    waiting: z.number(),
    missing: z.number(),
  }),
  inspection: z.object({ datasets: z.number(), of_datasets: z.number(), bytes: z.number(), of_bytes: z.number() }),
  s3_copies_waiting: z.number(),
  problems: problemCounts,
});

export const problemView = z.object({
  code: z.string(),
  object_key: z.string(),
  dataset_id: z.string().nullable(),
  user_id: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

const CURSOR = z.tuple([z.string(), z.string(), z.string().nullable()]);

export function problemCursorOf({ code, object_key, dataset_id }: Problem): string {
  return Buffer.from(JSON.stringify([code, object_key, dataset_id])).toString('base64url');
}

/** @throws invalid_cursor */
export function problemCursor(cursor: string | undefined): ProblemKey | undefined {
  if (cursor === undefined) return undefined;
  try {
    const text = Buffer.from(cursor, 'base64url').toString();
    const [code, object_key, dataset_id] = CURSOR.parse(JSON.parse(text));
    return { code, object_key, dataset_id };
  } catch (cause) {
    throw new LongshoreError('invalid_cursor', 'This cursor was not given out here.', {
      hint: 'Start again without a cursor.',
      cause,
    });
  }
}

const volume = z.object({ datasets: z.number(), bytes: z.number() });

export const estimateView = z.object({
  all: volume,
  in_s3: volume,
  to_copy: volume,
  unread: volume,
  unknown_size: z.number(),
  not_adopted: z.number(),
  users: z.number(),
  without_bucket: volume.extend({ users: z.number() }),
  sizes: z.array(volume.extend({ below_bytes: z.number().nullable() })),
  largest_users: z.array(
    volume.extend({
      user_id: z.string(),
      to_copy: z.number(),
      to_copy_bytes: z.number(),
      bucket: z.enum(['own', 'platform', 'none']),
    }),
  ),
  time: z.object({
    seconds: z.number().nullable(),
    bytes_per_second: z.number().nullable(),
    latency_ms: z.number().nullable(),
    source: z.enum(['measured', 'stated', 'unknown']),
    concurrency: z.number(),
  }),
  cost: z.object({
    source_egress_usd: z.number(),
    s3_requests_usd: z.number(),
    s3_read_back_usd: z.number(),
    s3_storage_usd_per_month: z.number(),
    prices: z.record(z.string(), z.number()),
    prices_source: z.string(),
    prices_as_of: z.string(),
  }),
});
