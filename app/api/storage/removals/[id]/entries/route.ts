import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { pageOf } from '@/lib/http/pagination.ts';
import { entriesQuery, entryView, showEntry } from '@/lib/http/removal-views.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'The copies of a list, each with the copy that stays',
    query: entriesQuery,
    answer: z.object({ entries: z.array(entryView), next_cursor: z.string().nullable() }),
  },
  async ({ app, params, query: { cursor, limit, state } }) => {
    const rows = await app.migration.removals.entries(params.id ?? '', { after: cursor, limit, state });
    const { items, nextCursor } = pageOf(rows, limit, (entry) => entry.replicaId);
    return json({ entries: items.map(showEntry), next_cursor: nextCursor });
  },
);
