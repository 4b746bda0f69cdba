import { endpoint } from '@/lib/http/endpoint.ts';
import { json, noContent } from '@/lib/http/responses.ts';
import { claimBody, workerView } from '@/lib/http/training-jobs.ts';

/** For agents. 204 when no job waits. */
export const POST = endpoint(
  { auth: 'user', summary: 'Take your next waiting local job', body: claimBody },
  async ({ app, user, body }) => {
    const job = await app.training.reports.claimNext(user.userId, body.worker);
    if (job === undefined) return noContent();
    return json({ ...workerView(app.training, job), environment: app.training.service.workerEnvironment(job) });
  },
);
