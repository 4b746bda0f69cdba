import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

export const POST = endpoint(
  {
    auth: 'user',
    summary: 'A link that signs a browser in as the caller, once, within an hour',
    answer: z.object({ url: z.string() }),
    answerStatus: 201,
  },
  async ({ app, user }) => {
    const path = await app.signIn.linkPath(user.userId);
    return json({ url: new URL(path, app.baseUrl).href }, { status: 201 });
  },
);
