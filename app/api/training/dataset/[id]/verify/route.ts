import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/** Reads every copy back while you wait, and queues the repair of what is bad. */
export const POST = endpoint(
  { auth: 'user', summary: 'Read all copies of a dataset back and compare their hashes' },
  async ({ app, user, params, signal }) =>
    json(await app.datasets.service.verify(user.userId, params.id ?? '', signal)),
);
