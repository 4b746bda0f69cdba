import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';

/** Where a search for orphans stands: in which store, and where in its listing. */
export interface OrphanCursor {
  store: string;
  at: string | undefined;
}

const CURSOR = z.object({ s: z.string(), a: z.string().optional() });

export function encodeOrphanCursor({ store, at }: OrphanCursor): string {
  return Buffer.from(JSON.stringify({ s: store, a: at })).toString('base64url');
}

/** @throws invalid_cursor */
export function decodeOrphanCursor(text: string): OrphanCursor {
  try {
    const { s, a } = CURSOR.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    return { store: s, at: a };
  } catch (cause) {
    throw new LongshoreError('invalid_cursor', 'This cursor was not given out here.', {
      hint: 'Start again without a cursor.',
      cause,
    });
  }
}
