import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { showJob } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'user', summary: 'Begin a failed or cancelled local job again' },
  async ({ app, user, params }) =>
    json({ job: showJob(await app.training.service.retry(user.userId, params.id ?? '')) }),
);
