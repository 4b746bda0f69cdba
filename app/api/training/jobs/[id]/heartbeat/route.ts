import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { heartbeatBody } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'job', summary: 'A worker lives; 410 job_over tells it to stop', body: heartbeatBody },
  async ({ app, job, body }) => json({ state: (await app.training.reports.heartbeat(job, body)).state }),
);
