import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';

/** Where a page ended: the exact time as the database prints it, and the id. */
export interface ListCursor {
  at: string | null;
  id: string;
}

const SHAPE = z.tuple([
  z.union([
    z.null(),
    z
      .string()
      .max(40)
      .regex(/^[-\d]+ [\d:.]+(?:[+-][\d:]+)?$/),
  ]),
  z.string().max(128),
]);

export function encodeCursor(cursor: ListCursor): string {
  return Buffer.from(JSON.stringify([cursor.at, cursor.id])).toString('base64url');
}

/** @throws invalid_cursor */
export function decodeCursor(text: string): ListCursor {
  const parsed = SHAPE.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
  if (parsed.success) return { at: parsed.data[0], id: parsed.data[1] };
  throw new LongshoreError('invalid_cursor', 'This cursor is not one that we gave.', {
    hint: 'Use next_cursor of the page before, unchanged, or leave it out to begin.',
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
