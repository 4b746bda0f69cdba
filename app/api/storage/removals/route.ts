import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { removalView, showRemoval } from '@/lib/http/removal-views.ts';
import { json } from '@/lib/http/responses.ts';

const body = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('purge_base') }),
  z.strictObject({ kind: z.literal('rollback'), run_id: z.string().min(1) }),
]);

/** Reads the copies that stay back, in the background, and lists what may go. Removes nothing. */
export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'List copies that may be let go, with the proof of those that stay',
    body,
    answer: z.object({ removal: removalView }),
    answerStatus: 202,
  },
  async ({ app, user, body: wanted }) => {
    const { removals } = app.migration;
    const listing =
      wanted.kind === 'purge_base'
        ? await removals.listBase(user.userId)
        : await removals.listRun(wanted.run_id, user.userId);
    return json({ removal: showRemoval(listing) }, { status: 202 });
  },
);
