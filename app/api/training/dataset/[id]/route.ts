import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json, noContent } from '@/lib/http/responses.ts';

const change = z.strictObject({ name: z.string().max(2000), description: z.string().max(20_000).nullable() }).partial();

export const GET = endpoint({ auth: 'user', summary: 'One of your datasets' }, async ({ app, user, params }) =>
  json({ dataset: await app.datasets.service.get(user.userId, params.id ?? '') }),
);

export const PATCH = endpoint(
  { auth: 'user', summary: 'Rename or describe a dataset', body: change },
  async ({ app, user, params, body }) =>
    json({ dataset: await app.datasets.service.patch(user.userId, params.id ?? '', body) }),
);

/** Gone for everybody when it is answered; the objects follow. */
export const DELETE = endpoint(
  { auth: 'user', summary: 'Delete a dataset and all its copies', answerStatus: 204 },
  async ({ app, user, params }) => {
    await app.datasets.service.delete(user.userId, params.id ?? '');
    return noContent();
  },
);
