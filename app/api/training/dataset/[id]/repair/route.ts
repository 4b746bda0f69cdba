import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/** Answers at once; the copies follow in the background, and show in the dataset's replicas. */
export const POST = endpoint(
  { auth: 'user', summary: 'Restore the copies that a dataset lacks', answerStatus: 202 },
  async ({ app, user, params }) =>
    json({ dataset: await app.datasets.service.repair(user.userId, params.id ?? '') }, { status: 202 }),
);
