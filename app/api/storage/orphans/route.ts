import { endpoint } from '@/lib/http/endpoint.ts';
import { pageQuery } from '@/lib/http/pagination.ts';
import { json } from '@/lib/http/responses.ts';
import { orphanAction, orphanPageView, orphanView } from '@/lib/http/storage-requests.ts';

/** Reads the listings of all stores, a part at a time: a page may hold no orphan and still not be the last. */
export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'Objects in the stores that no row knows',
    query: pageQuery,
    answer: orphanPageView,
  },
  async ({ app, query, signal }) => json(await app.orphans.list({ ...query, signal })),
);

/** One object at a time, looked at afresh. */
export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Take an orphan back as a copy of its dataset, or remove it',
    body: orphanAction,
    answer: orphanView,
  },
  async ({ app, user, body }) => {
    const { action, store, key, restorable } = body;
    const actor = user.userId;
    const orphan =
      action === 'adopt'
        ? await app.orphans.adopt(store, key, actor)
        : await app.orphans.remove(store, key, { actor, restorable });
    return json({ orphan });
  },
);
