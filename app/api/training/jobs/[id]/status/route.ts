import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { statusBody } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'job', summary: 'A worker begins, completes, fails or hands back its job', body: statusBody },
  async ({ app, job, body }) => json({ state: (await app.training.reports.status(job, body)).state }),
);
