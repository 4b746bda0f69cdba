import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { runView, showRun } from '@/lib/http/migration-views.ts';
import { json } from '@/lib/http/responses.ts';

export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Take the copies of a migration run out of the way: reads return to the base store at once',
    answer: z.object({ migration: runView }),
  },
  async ({ app, params, user }) =>
    json({ migration: showRun(await app.migration.service.rollBack(params.id ?? '', user.userId)) }),
);
