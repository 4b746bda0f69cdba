import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { uploadResult } from '@/lib/http/upload-result.ts';

/** What became of an upload: durable over restarts, and for a client that lost the last answer. */
export const GET = endpoint(
  { auth: 'user', summary: 'What became of a resumable upload' },
  async ({ app, user, params, requestId }) =>
    json(uploadResult(await app.datasets.uploadService.result(user.userId, params.id ?? ''), requestId)),
);
