import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { scopeBody, scopeUser, scrubRunView, scrubStatusView } from '@/lib/http/storage-requests.ts';

/** Admins see the whole installation, others their own copies. */
export const GET = endpoint(
  { auth: 'user', summary: 'How the scrub goes, and what it found', answer: scrubStatusView },
  async ({ app, user }) => json(await app.placement.scrub.status(user.role === 'admin' ? undefined : user.userId)),
);

/** Answers at once; a scrub of the same scope that is under way stands for this one. `run` is null without any copy. */
export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Read copies back now: your own, or for an admin all',
    body: scopeBody,
    answer: scrubRunView,
    answerStatus: 202,
  },
  async ({ app, user, body }) => {
    const wish = { userId: scopeUser(user, body.scope), requestedBy: user.userId };
    return json({ run: (await app.placement.scrub.start(wish)) ?? null }, { status: 202 });
  },
);
