import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { showJob } from '@/lib/http/training-jobs.ts';

export const GET = endpoint({ auth: 'user', summary: 'One of your training jobs' }, async ({ app, user, params }) =>
  json({ job: showJob(await app.training.service.get(user.userId, params.id ?? '')) }),
);
