import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json, noContent } from '@/lib/http/responses.ts';
import {
  MAX_SECRET_BYTES,
  providerOf,
  putSecretQuery,
  reportView,
  secretBody,
  secretView,
} from '@/lib/http/secret-requests.ts';

export const PUT = endpoint(
  {
    auth: 'user',
    summary: 'Test credentials and store them as the new version',
    query: putSecretQuery,
    body: secretBody,
    maxBodyBytes: MAX_SECRET_BYTES,
    answer: z.object({ secret: secretView, report: reportView }),
  },
  async ({ app, user, params, query, body, signal }) => {
    const { store_failing: storeFailing, create_bucket: createBucket, keep_keys: keepKeys } = query;
    const options = { storeFailing, createBucket, keepKeys, actor: user.userId, signal };
    return json(await app.secrets.manager.put(user.userId, providerOf(params), body, options));
  },
);

export const DELETE = endpoint(
  { auth: 'user', summary: 'Erase all versions of a secret that no sole copy depends on', answerStatus: 204 },
  async ({ app, user, params }) => {
    await app.secrets.manager.delete(user.userId, providerOf(params), { actor: user.userId });
    return noContent();
  },
);
