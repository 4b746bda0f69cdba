import { z } from 'zod';
import { keyView, newKeyBody, showKey } from '@/lib/http/account-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  { auth: 'user', summary: 'List your API keys', answer: z.object({ keys: z.array(keyView) }) },
  async ({ app, user }) => json({ keys: (await app.accounts.apiKeys.list(user.userId)).map(showKey) }),
);

export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Make an API key; it is shown this once',
    body: newKeyBody,
    answer: z.object({ key: z.string(), api_key: keyView }),
    answerStatus: 201,
  },
  async ({ app, user, body }) => {
    const wanted = { userId: user.userId, name: body.name, expiresAt: body.expires_at };
    const { key, apiKey } = await app.accounts.apiKeys.create(wanted, user.userId);
    return json({ key, api_key: showKey(apiKey) }, { status: 201 });
  },
);
