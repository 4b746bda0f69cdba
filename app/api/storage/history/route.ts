import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { historyQuery, showSample, storageHistoryView } from '@/lib/http/storage-history-view.ts';

/** Admins see the installation, others what is theirs. */
export const GET = endpoint(
  {
    auth: 'user',
    summary: 'How well datasets were kept, hour by hour and then day by day, oldest first',
    query: historyQuery,
    answer: storageHistoryView,
  },
  async ({ app, user, query }) => {
    const whose = user.role === 'admin' ? undefined : user.userId;
    const samples = await app.storageHistory.list(whose, query.days);
    return json({ samples: samples.map(showSample) });
  },
);
