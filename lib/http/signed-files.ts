import type { Call } from '@/lib/http/endpoint.ts';
import { stream } from '@/lib/http/responses.ts';
import { openSignedFile } from '@/lib/storage/open-signed-file.ts';

/** Answers GET and HEAD under /files. */
export async function answerSignedFile({ app, request, signal }: Call): Promise<Response> {
  const { method, url, headers } = request;
  const answer = await openSignedFile(app.files.store, app.files.signer, { method, url, headers, signal });
  const init = { status: answer.status, headers: answer.headers };
  return answer.body === undefined ? new Response(null, init) : stream(answer.body, init);
}
