import { z } from 'zod';
import type { ListOrder, ListSort } from '@/lib/datasets/list-order.ts';
import { LongshoreError } from '@/lib/errors.ts';

/** Where a page ended: what its last row was ordered by, exactly as the database prints it, and that row's id. */
export interface ListCursor {
  value: string;
  id: string;
}

const VALUES: Record<ListSort, z.ZodType<string>> = {
  created: z
    .string()
    .max(40)
    .regex(/^(?:infinity|[-\d]+ [\d:.]+(?:[+-][\d:]+)?)$/),
  name: z.string().max(800),
  examples: z.string().regex(/^-?\d{1,18}$/),
  size: z.string().regex(/^-?\d{1,18}$/),
};

/** A cursor holds good for the order that it was given out with. */
function shapeOf({ sort, descending }: ListOrder) {
  return z.tuple([z.literal(`${sort}${descending ? '-' : '+'}`), VALUES[sort], z.string().max(128)]);
}

export function encodeCursor({ sort, descending }: ListOrder, cursor: ListCursor): string {
  const parts = [`${sort}${descending ? '-' : '+'}`, cursor.value, cursor.id];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** @throws invalid_cursor */
export function decodeCursor(order: ListOrder, text: string): ListCursor {
  const parsed = shapeOf(order).safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
  if (parsed.success) return { value: parsed.data[1], id: parsed.data[2] };
  throw new LongshoreError('invalid_cursor', 'This cursor is not one that we gave.', {
    hint: 'Use next_cursor of the page before, unchanged and in the same order, or leave it out to begin.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
