import { z } from 'zod';
import { showUser, userChangeBody, userView } from '@/lib/http/account-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

const answer = z.object({ user: userView });

export const GET = endpoint({ auth: 'admin', summary: 'Show a user', answer }, async ({ app, params }) =>
  json({ user: showUser(await app.accounts.users.get(params.id ?? '')) }),
);

export const PATCH = endpoint(
  { auth: 'admin', summary: 'Rename, promote or disable a user', body: userChangeBody, answer },
  async ({ app, params, body, user }) => {
    const changed = await app.accounts.users.update(params.id ?? '', body, user.userId);
    app.authenticator.forget();
    return json({ user: showUser(changed) });
  },
);
