import { endpoint } from '@/lib/http/endpoint.ts';
import { eventStreamResponse } from '@/lib/http/event-stream.ts';

/** Server-sent events of the signed-in user: dataset, upload, job, storage, migration. */
export const GET = endpoint(
  { auth: 'user', summary: 'Server-sent events of the signed-in user' },
  ({ app, user, request, signal }) =>
    eventStreamResponse(app.events, {
      userId: user.userId,
      admin: user.role === 'admin',
      lastEventId: request.headers.get('last-event-id') ?? undefined,
      signal,
    }),
);
