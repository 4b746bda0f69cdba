import { MemoryLocker, Server } from '@tus/server';
import type { UploadService } from '@/lib/datasets/uploads/upload-service.ts';
import { newId } from '@/lib/db/ids.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { problemResponse } from '@/lib/http/problem.ts';
import { TusStore } from '@/lib/http/tus/tus-store.ts';

export interface TusCall {
  request: Request;
  userId: string;
  requestId: string;
  uploads: UploadService;
}

const PATH = '/api/training/uploads';

/**
 * Requests of one upload take turns in this process. A second one for the same upload (its client lost the connection
 * before we did) makes the first let go.
 */
const locker = new MemoryLocker();

/** Answers a TUS 1.0 request of a signed-in user: the protocol by @tus/server, every refusal as a problem document. */
export async function handleTus({ request, userId, requestId, uploads }: TusCall): Promise<Response> {
  let refusal: unknown;
  const server = new Server({
    path: PATH,
    relativeLocation: true,
    locker,
    datastore: new TusStore(uploads, userId),
    maxSize: uploads.maxUploadBytes,
    namingFunction: () => newId(),
    allowedOrigins: () => false,
    onUploadFinish: async (_request, upload) => {
      await uploads.finish(userId, upload.id);
      return {};
    },
    onResponseError: (_request, error) => {
      refusal = error;
      return undefined;
    },
  });
  const response = await server.handleWeb(request);
  if (response.status < 400) return withRequestId(response, requestId);
  return withTusHeaders(problemResponse(await problemOf(refusal, response), requestId), response);
}

/** The answer to an error that was thrown by us is ours; what the protocol refused gets a code by its status. */
async function problemOf(refusal: unknown, response: Response): Promise<unknown> {
  if (refusal instanceof Error) return refusal;
  const said = (await response.text()).trim();
  const { code, hint } = REFUSALS[response.status] ?? {
    code: 'invalid_request',
    hint: 'See https://tus.io/protocols.',
  };
  return new LongshoreError(code, said === '' ? 'This is not a valid TUS request.' : said, { hint });
}

const REFUSALS: Readonly<Record<number, { code: string; hint: string }>> = {
  404: { code: 'upload_not_found', hint: 'Begin a new upload.' },
  409: { code: 'upload_offset_conflict', hint: 'Ask with HEAD where it is, and go on from there.' },
  410: { code: 'upload_expired', hint: 'Begin a new upload.' },
  412: { code: 'tus_version', hint: 'Send the header Tus-Resumable: 1.0.0.' },
  413: { code: 'upload_too_large', hint: 'Split the file, or ask the operator to raise MAX_UPLOAD_BYTES.' },
};

function withRequestId(response: Response, requestId: string): Response {
  response.headers.set('X-Request-Id', requestId);
  response.headers.set('Cache-Control', 'no-store');
  return response;
}

function withTusHeaders(problem: Response, response: Response): Response {
  problem.headers.set('Tus-Resumable', '1.0.0');
  problem.headers.set('Tus-Version', '1.0.0');
  if (response.headers.get('connection') === 'close') problem.headers.set('Connection', 'close');
  return problem;
}
