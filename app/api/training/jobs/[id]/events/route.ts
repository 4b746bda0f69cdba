import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { eventJson, eventQuery, followResponse, lastSeen } from '@/lib/http/training-jobs.ts';

/** A page as JSON; as text/event-stream what was said and is being said, until the job is over. */
export const GET = endpoint(
  { auth: 'user', summary: 'Logs, metrics, states and stages of a job, paged or streamed', query: eventQuery },
  async ({ app, user, params, query, request, signal }) => {
    const { training } = app;
    const job = await training.service.get(user.userId, params.id ?? '');
    const { kind: kinds, limit } = query;
    const after = lastSeen(request, query.cursor);
    if (request.headers.get('accept')?.includes('text/event-stream')) {
      return followResponse(training, job, { after, kinds, signal });
    }
    const events = await training.service.events(job, { after, kinds, limit });
    return json({ events: events.map(eventJson), last_id: events.at(-1)?.id ?? after, state: job.state });
  },
);
