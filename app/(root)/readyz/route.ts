import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/** Send requests here or elsewhere: 503 while the database does not answer, and from the moment a stop was asked for. */
export const GET = endpoint({ auth: 'none', summary: 'Can the process take requests' }, async ({ app }) => {
  const { ready, checks } = await app.readiness.check();
  return json({ status: ready ? 'ready' : 'not_ready', checks }, { status: ready ? 200 : 503 });
});
