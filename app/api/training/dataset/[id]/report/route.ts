import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  { auth: 'user', summary: 'What ingest found in a dataset' },
  async ({ app, user, params }) => json({ report: await app.datasets.service.report(user.userId, params.id ?? '') }),
);
