import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { overviewView } from '@/lib/http/secret-requests.ts';

export const GET = endpoint(
  {
    auth: 'user',
    summary: 'Your secrets without what is secret, what depends on them, and how to make them',
    answer: overviewView,
  },
  async ({ app, user }) => json(await app.secrets.overview(user.userId)),
);
