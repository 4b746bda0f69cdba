import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { runView, showRun } from '@/lib/http/migration-views.ts';
import { json } from '@/lib/http/responses.ts';

export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Cancel a migration run; copies that are done stay, what was begun is removed',
    answer: z.object({ migration: runView }),
  },
  async ({ app, params, user }) =>
    json({ migration: showRun(await app.migration.service.cancel(params.id ?? '', user.userId)) }),
);
