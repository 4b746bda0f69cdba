import type { Stores } from '@/lib/composition/stores.ts';
import { nodeBody } from '@/lib/http/node-body.ts';
import { openSignedFile } from '@/lib/storage/open-signed-file.ts';

/** Answers a request for a signed file of the base store. @throws signed_url_invalid, signed_url_expired, StorageError */
export async function signedFileResponse(
  { base, fileUrls }: Pick<Stores, 'base' | 'fileUrls'>,
  request: Request,
  signal: AbortSignal,
): Promise<Response> {
  const { method, url, headers } = request;
  const answer = await openSignedFile(base, fileUrls, { method, url, headers, signal });
  const init = { status: answer.status, headers: answer.headers };
  return answer.body === undefined ? new Response(null, init) : nodeBody(answer.body, init);
}
