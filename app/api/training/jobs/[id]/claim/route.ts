import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { claimBody, workerView } from '@/lib/http/training-jobs.ts';

export const POST = endpoint(
  { auth: 'job', summary: 'A worker says that it is there, and learns what to do', body: claimBody },
  async ({ app, job, body }) => json(workerView(app.training, await app.training.reports.claim(job, body.worker))),
);
