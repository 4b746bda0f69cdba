import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { removalView, showRemoval } from '@/lib/http/removal-views.ts';
import { json } from '@/lib/http/responses.ts';

/** In the background, through the one guarded delete: a copy goes only when another was read back just before. */
export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Let the listed copies go; refused before the time that the list names',
    answer: z.object({ removal: removalView }),
    answerStatus: 202,
  },
  async ({ app, params, user }) => {
    const applying = await app.migration.removals.apply(params.id ?? '', user.userId);
    return json({ removal: showRemoval(applying) }, { status: 202 });
  },
);
