import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/**
 * Send requests here or elsewhere: 503 while the database or every store is silent, and from the moment a stop was asked
 * for. `degraded` with 200 while some store is silent and another stands in for it.
 */
export const GET = endpoint({ auth: 'none', summary: 'Can the process take requests' }, async ({ app }) => {
  const { state, checks, stores } = await app.readiness.check();
  return json({ status: state, checks, stores }, { status: state === 'not_ready' ? 503 : 200 });
});
