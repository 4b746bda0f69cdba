import { downloadQuery } from '@/lib/http/download-query.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { redirect, stream } from '@/lib/http/responses.ts';

/** The whole object by redirect; a shard or a sample as a stream of JSONL. */
export const GET = endpoint(
  { auth: 'user', summary: 'Download a dataset, a shard of it, or a sample', query: downloadQuery },
  async ({ app, user, params, query, signal }) => {
    const { service, links } = app.datasets;
    const id = params.id ?? '';
    const headers = { 'Content-Type': 'application/jsonl; charset=utf-8' };
    if (query.shard !== undefined)
      return stream(await service.shard(user.userId, id, query.shard, signal), { headers });
    if (query.sample !== undefined) {
      const choice = { size: query.sample, seed: query.seed };
      return stream(await service.sample(user.userId, id, choice, signal), { headers });
    }
    const { url } = await links.make(user.userId, id);
    return redirect(url);
  },
);
