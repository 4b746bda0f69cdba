import { endpoint } from '@/lib/http/endpoint.ts';
import { text } from '@/lib/http/responses.ts';

/** Prometheus text. For admins: a scraper sends an admin's key as its bearer token. */
export const GET = endpoint({ auth: 'admin', summary: 'Metrics in the Prometheus text format' }, ({ app }) =>
  text(app.metrics.render(), { headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' } }),
);
