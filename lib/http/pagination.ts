import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

/** `?cursor=&limit=`: cursors are opaque to clients. */
export const pageQuery = z.object({
  cursor: z.string().min(1).max(2048).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
});

/** A page of `rows`, which were asked for with one more than `limit` to know whether there is a next one. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  cursorOf: (last: T) => string,
): { items: T[]; nextCursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** A cursor that is a row number. @throws invalid_cursor */
export function numberCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new LongshoreError('invalid_cursor', 'This cursor was not given out here.', {
    hint: 'Start again without a cursor.',
  });
}
