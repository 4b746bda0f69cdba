import { z } from 'zod';
import { LIST_SORTS } from '@/lib/datasets/list-order.ts';
import { pageQuery } from '@/lib/http/pagination.ts';
import { KINDS, SOURCE_FORMATS, TEXT_FORMATS } from '@/lib/ingest/types.ts';

/** `auto`, a source format, or plain text. */
export const formatField = z.enum(['auto', ...TEXT_FORMATS, ...SOURCE_FORMATS]);

/** What may be said about a file, in the address or in the fields of a form. */
export const fileFields = z.object({
  name: z.string().max(2000).optional(),
  filename: z.string().max(2000).optional(),
  description: z.string().max(20_000).optional(),
  format: formatField.optional(),
  on_error: z.enum(['fail', 'skip']).optional(),
  max_error_ratio: z.coerce.number().min(0).max(1).optional(),
});
export type FileFields = z.infer<typeof fileFields>;

export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7E]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
  .optional();

/** Newest first unless something else is asked for. */
export const datasetListQuery = pageQuery.extend({
  q: z.string().max(200).optional(),
  provider: z.enum(['s3', 'supabase', 'filesystem']).optional(),
  kind: z.enum(KINDS).optional(),
  /** Only these, by commas: to look again at what one has. */
  ids: z
    .string()
    .regex(/^[\w-]{1,128}(?:,[\w-]{1,128}){0,199}$/, 'must be 1 to 200 ids between commas')
    .transform((text) => text.split(','))
    .optional(),
  status: z.enum(['ready', 'uploading', 'all']).default('ready'),
  sort: z.enum(LIST_SORTS).default('created'),
  order: z.enum(['asc', 'desc']).default('desc'),
});
