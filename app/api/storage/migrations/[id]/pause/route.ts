import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { runView, showRun } from '@/lib/http/migration-views.ts';
import { json } from '@/lib/http/responses.ts';

export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Pause a migration run; what has arrived of unfinished objects is kept',
    answer: z.object({ migration: runView }),
  },
  async ({ app, params, user }) =>
    json({ migration: showRun(await app.migration.service.pause(params.id ?? '', user.userId)) }),
);
