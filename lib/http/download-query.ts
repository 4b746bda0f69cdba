import { z } from 'zod';
import type { Shard } from '@/lib/datasets/dataset-reader.ts';

/** `i/n`: part i of n, counted from 0. */
const shard = z
  .string()
  .regex(/^\d{1,6}\/[1-9]\d{0,5}$/, 'must be i/n, i counted from 0')
  .transform((text): Shard => {
    const [index = 0, count = 1] = text.split('/').map(Number);
    return { index, count };
  })
  .refine(({ index, count }) => index < count, 'i must be below n: parts are counted from 0');

export const downloadQuery = z
  .object({
    shard: shard.optional(),
    sample: z.coerce.number().int().min(1).max(100_000).optional(),
    seed: z.coerce.number().int().default(0),
  })
  .refine((query) => query.shard === undefined || query.sample === undefined, 'shard and sample exclude each other');
