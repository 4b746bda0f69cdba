import { z } from 'zod';

export const MAX_PAGE = 200;
export const DEFAULT_PAGE = 50;

/** `?cursor=&limit=`: cursors are opaque to clients. */
export const pageQuery = z.object({
  cursor: z.string().max(1024).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
});
