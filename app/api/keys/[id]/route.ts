import { endpoint } from '@/lib/http/endpoint.ts';
import { noContent } from '@/lib/http/responses.ts';

/** Admins may revoke anybody's. */
export const DELETE = endpoint(
  { auth: 'user', summary: 'Revoke an API key and the sessions made from it', answerStatus: 204 },
  async ({ app, user, params }) => {
    const owner = user.role === 'admin' ? undefined : user.userId;
    await app.accounts.apiKeys.revoke(params.id ?? '', user.userId, owner);
    app.authenticator.forget();
    return noContent();
  },
);
