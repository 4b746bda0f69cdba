import { z } from 'zod';
import { problemCursor, problemCursorOf, problemView } from '@/lib/http/adoption-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { pageOf, pageQuery } from '@/lib/http/pagination.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'What is wrong with older datasets, one entry an object, by code',
    query: pageQuery,
    answer: z.object({ problems: z.array(problemView), next_cursor: z.string().nullable() }),
  },
  async ({ app, query }) => {
    const found = await app.adoption.repository.problemPage(problemCursor(query.cursor), query.limit + 1);
    const { items, nextCursor } = pageOf(found, query.limit, problemCursorOf);
    return json({ problems: items, next_cursor: nextCursor });
  },
);
