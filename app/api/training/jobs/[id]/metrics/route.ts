import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { metricsBody } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'job', summary: 'Numbers that a worker found in them', body: metricsBody },
  async ({ app, job, body }) => json(await app.training.reports.metrics(job, body)),
);
