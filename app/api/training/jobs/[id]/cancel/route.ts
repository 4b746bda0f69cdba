import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { showJob } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'user', summary: 'End a training job, and what a provider rents out for it' },
  async ({ app, user, params }) =>
    json({ job: showJob(await app.training.service.cancel(user.userId, params.id ?? '')) }),
);
