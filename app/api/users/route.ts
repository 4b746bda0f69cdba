import { z } from 'zod';
import { newUserBody, showUser, userView } from '@/lib/http/account-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { pageOf, pageQuery } from '@/lib/http/pagination.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'List users',
    query: pageQuery,
    answer: z.object({ users: z.array(userView), next_cursor: z.string().nullable() }),
  },
  async ({ app, query }) => {
    const rows = await app.accounts.users.list({ after: query.cursor, limit: query.limit + 1 });
    const { items, nextCursor } = pageOf(rows, query.limit, (user) => user.id);
    return json({ users: items.map(showUser), next_cursor: nextCursor });
  },
);

export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Add a user; the key is shown this once',
    body: newUserBody,
    answer: z.object({ user: userView, key: z.string() }),
    answerStatus: 201,
  },
  async ({ app, body, user }) => {
    const added = await app.accounts.addUserWithKey(body, user.userId);
    return json({ user: showUser(added.user), key: added.key }, { status: 201 });
  },
);
