import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { runView, showRun } from '@/lib/http/migration-views.ts';
import { json } from '@/lib/http/responses.ts';

/** In the background: `check` of the run tells how far it is, and when it is over. */
export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Read both sides of everything a migration run moved back, byte for byte',
    answer: z.object({ migration: runView }),
    answerStatus: 202,
  },
  async ({ app, params, user }) => {
    const run = await app.migration.service.verify(params.id ?? '', user.userId);
    return json({ migration: showRun(run) }, { status: 202 });
  },
);
