import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { itemsQuery, itemView, showItem } from '@/lib/http/migration-views.ts';
import { pageOf } from '@/lib/http/pagination.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'The datasets of a migration run, in order of id',
    query: itemsQuery,
    answer: z.object({ items: z.array(itemView), next_cursor: z.string().nullable() }),
  },
  async ({ app, params, query }) => {
    const { cursor, limit, state, error } = query;
    const wanted = { limit, after: cursor, states: state === undefined ? undefined : [state], errorCode: error };
    const rows = await app.migration.service.items(params.id ?? '', wanted);
    const { items, nextCursor } = pageOf(rows, limit, (item) => item.datasetId);
    return json({ items: items.map((item) => showItem(item)), next_cursor: nextCursor });
  },
);
