import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

const query = z.object({ expires_in: z.coerce.number().int().min(1).max(7200).default(7200) });

/** A signed address of the copy that answers; whoever has it can read the dataset until it expires. */
export const GET = endpoint(
  { auth: 'user', summary: 'A short-lived address to download a dataset from', query },
  async ({ app, user, params, query }) =>
    json(await app.datasets.links.make(user.userId, params.id ?? '', query.expires_in)),
);
