import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { logsBody } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'job', summary: 'Lines that a worker or its command printed', body: logsBody },
  async ({ app, job, body }) => json(await app.training.reports.logs(job, body)),
);
