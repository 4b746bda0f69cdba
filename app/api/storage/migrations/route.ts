import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { newRunBody, optionsOf, runView, showRun } from '@/lib/http/migration-views.ts';
import { pageOf, pageQuery } from '@/lib/http/pagination.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'Migration runs, newest first',
    query: pageQuery,
    answer: z.object({ migrations: z.array(runView), next_cursor: z.string().nullable() }),
  },
  async ({ app, query }) => {
    const runs = await app.migration.service.list(query.limit, query.cursor);
    const { items, nextCursor } = pageOf(runs, query.limit, ({ run }) => run.id);
    return json({ migrations: items.map(showRun), next_cursor: nextCursor });
  },
);

/** Plans a move to S3, one row a dataset. Nothing is copied. */
export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Plan the move of existing datasets to S3',
    body: newRunBody,
    answer: z.object({ migration: runView }),
    answerStatus: 201,
  },
  async ({ app, user, body, signal }) => {
    const planned = await app.migration.service.plan(optionsOf(body), user.userId, signal);
    return json({ migration: showRun(planned) }, { status: 201 });
  },
);
