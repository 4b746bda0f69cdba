import { endpoint } from '@/lib/http/endpoint.ts';
import { json, redirect } from '@/lib/http/responses.ts';
import { datasetQuery } from '@/lib/http/training-jobs.ts';

/** A fresh address each time, so that no job ever holds one for long. */
export const GET = endpoint(
  { auth: 'job', summary: 'Where the dataset of a job is now, and what its bytes must be', query: datasetQuery },
  async ({ app, job, query }) => {
    const { avoid: provider, reason, expires_in: expiresInSeconds } = query;
    const avoid = provider === undefined ? undefined : { provider, reason };
    const location = await app.training.datasets.locate(job, { expiresInSeconds, avoid });
    return query.as === 'redirect' ? redirect(location.url) : json(location);
  },
);
