import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { scopeBody, scopeUser } from '@/lib/http/storage-requests.ts';

/** Answers at once; what datasets lack is queued in the background, as the schedule does every ten minutes. */
export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Compare where copies should be with where they are: yours, or for an admin all',
    body: scopeBody,
    answer: z.object({ job_id: z.string() }),
    answerStatus: 202,
  },
  async ({ app, user, body }) =>
    json({ job_id: await app.placement.reconcileSoon(scopeUser(user, body.scope)) }, { status: 202 }),
);
