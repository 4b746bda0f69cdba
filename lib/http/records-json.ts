import type { RecordPage } from '@/lib/datasets/dataset-reader.ts';

/** Records are put into the answer as they are stored: numbers that JavaScript cannot hold pass unchanged. */
export function recordsJson({ examples, total, offset, limit }: RecordPage): Response {
  const body = `{"examples":[${examples.join(',')}],"total":${total},"offset":${offset},"limit":${limit}}`;
  return new Response(body, { headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' } });
}
