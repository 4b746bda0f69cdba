import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { runView, showRun } from '@/lib/http/migration-views.ts';
import { json } from '@/lib/http/responses.ts';

export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Start a planned migration run, go on with a paused one, or take up what an ended one left out',
    answer: z.object({ migration: runView }),
  },
  async ({ app, params, user }) =>
    json({ migration: showRun(await app.migration.service.resume(params.id ?? '', user.userId)) }),
);
