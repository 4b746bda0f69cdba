import { estimateView } from '@/lib/http/adoption-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { estimateOptionsOf, estimateQuery } from '@/lib/http/estimate-query.ts';
import { json } from '@/lib/http/responses.ts';

/** Reads at most 32 MiB of a few copies to learn their speed, unless a rate is given. */
export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'What moving everything to S3 would take: datasets, bytes, time and cost',
    query: estimateQuery,
    answer: estimateView,
  },
  async ({ app, query, signal }) => json(await app.estimator.estimate({ ...estimateOptionsOf(query), signal })),
);
