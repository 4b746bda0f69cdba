import { z } from 'zod';
import { auditQuery, auditView, showAudit } from '@/lib/http/account-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { numberCursor, pageOf, pageQuery } from '@/lib/http/pagination.ts';
import { json } from '@/lib/http/responses.ts';

/** Admins see everything, others what was done to their own things. */
export const GET = endpoint(
  {
    auth: 'user',
    summary: 'Who did what, newest first',
    query: pageQuery.extend(auditQuery),
    answer: z.object({ entries: z.array(auditView), next_cursor: z.string().nullable() }),
  },
  async ({ app, user, query }) => {
    const userId = user.role === 'admin' ? undefined : user.userId;
    const before = numberCursor(query.cursor);
    const { area, actor, since, limit } = query;
    const rows = await app.accounts.audit.list({ userId, before, area, actor, since, limit: limit + 1 });
    const { items, nextCursor } = pageOf(rows, limit, (entry) => String(entry.id));
    return json({ entries: items.map(showAudit), next_cursor: nextCursor });
  },
);
