import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { phaseChangeBody, phaseView, showPhase, showPhaseToUser } from '@/lib/http/storage-views.ts';

/** Gates name what belongs to others, so only admins see them. */
export const GET = endpoint(
  { auth: 'user', summary: 'The phase, how it came to be, and the gates of the next one', answer: phaseView },
  async ({ app, user, signal }) => {
    if (user.role !== 'admin') return json(showPhaseToUser(await app.phases.current()));
    return json(showPhase(await app.phases.overview(signal)));
  },
);

export const POST = endpoint(
  { auth: 'admin', summary: 'Enter the next phase, or step back', body: phaseChangeBody, answer: phaseView },
  async ({ app, user, body, signal }) => {
    const { phase, ...options } = body;
    await app.phases.step(phase, user.userId, { ...options, signal });
    return json(showPhase(await app.phases.overview(signal)));
  },
);
