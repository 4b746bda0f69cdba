import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import {
  optionalSecretBody,
  policiesView,
  providerOf,
  reportView,
  secretView,
  testSecretQuery,
} from '@/lib/http/secret-requests.ts';

/** With a body: tests it and stores nothing. Without: tests what is stored. */
export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Test credentials, given or stored',
    query: testSecretQuery,
    answer: z.object({ report: reportView, secret: secretView.nullable(), aws: policiesView.nullable() }),
  },
  async ({ app, user, params, query, request, signal }) => {
    const options = { createBucket: query.create_bucket, keepKeys: query.keep_keys, actor: user.userId, signal };
    const body = await optionalSecretBody(request);
    return json(await app.secrets.test(user.userId, providerOf(params), body, options));
  },
);
