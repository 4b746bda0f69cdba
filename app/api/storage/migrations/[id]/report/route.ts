import { endpoint } from '@/lib/http/endpoint.ts';
import { reportQuery } from '@/lib/http/migration-views.ts';
import { textStream } from '@/lib/http/text-stream.ts';

/** One receipt a line: source, destination, bytes, both hashes, times. */
export const GET = endpoint(
  { auth: 'admin', summary: 'The receipts of a migration run, as JSON lines or CSV', query: reportQuery },
  async ({ app, params, query }) => {
    const { contentType, lines } = await app.migration.service.receipts(params.id ?? '', query.format);
    return textStream(lines, { contentType, filename: `migration-${params.id}.${query.format}` });
  },
);
