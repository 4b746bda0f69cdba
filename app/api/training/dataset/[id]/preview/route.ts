import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { recordsJson } from '@/lib/http/records-json.ts';

const query = z.object({
  offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

/** Any records of the dataset, by one range read of the stored object. */
export const GET = endpoint(
  { auth: 'user', summary: 'Some records of a dataset', query },
  async ({ app, user, params, query }) =>
    recordsJson(await app.datasets.service.preview(user.userId, params.id ?? '', query)),
);
