import type { RequestListener, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import type { Application } from '@/lib/composition.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { requestIdOf } from '@/lib/http/endpoint.ts';
import { rememberIncoming } from '@/lib/http/incoming-body.ts';
import { nodeBodyOf } from '@/lib/http/node-body.ts';
import { problemResponse } from '@/lib/http/problem.ts';
import { runInScope } from '@/lib/http/request-scope.ts';
import { withWorkContext } from '@/lib/observability/request-context.ts';
import { RequestLog } from './request-log.ts';

/** Serves `app` to node:http: each request runs in the application's scope and with a request id of its own. */
export function serveApplication(application: Application, app: Hono): RequestListener {
  const requestLog = new RequestLog(application);
  const answer = async (request: Request, env: HttpBindings): Promise<Response> => {
    const work = { requestId: requestIdOf(request) };
    rememberIncoming(request, env.incoming);
    requestLog.watch(env.incoming, env.outgoing, work);
    const scope = { application, incoming: env.incoming };
    return withWorkContext(work, () =>
      runInScope(scope, async () => {
        const response = await app.fetch(request, env);
        if (application.readiness.stopping) env.outgoing.shouldKeepAlive = false;
        return sendNodeBody(application, response, env.outgoing);
      }),
    );
  };
  const listener = getRequestListener((request, env) => answer(request, env as HttpBindings), {
    hostname: 'localhost',
    errorHandler: answerUnreadable,
  });
  return (incoming, outgoing) => void listener(incoming, outgoing);
}

/** Only requests of which no Request can be made come here (their host or path is nonsense): the rest is answered inside. */
function answerUnreadable(error: unknown): Response {
  const malformed = new LongshoreError('malformed_request', 'The address of this request cannot be read.', {
    hint: 'Send a valid path and Host header.',
  });
  return problemResponse(error instanceof RequestError ? malformed : error, 'unread');
}

/** Pipes a Node stream to the socket; leaves every other body to the adaptor. */
async function sendNodeBody(application: Application, response: Response, outgoing: ServerResponse): Promise<Response> {
  const source = nodeBodyOf(response);
  if (source === undefined) return response;
  outgoing.writeHead(response.status, headersOf(response));
  outgoing.flushHeaders();
  try {
    await pipeline(source, outgoing);
  } catch (error) {
    // The status is long sent: a cut connection is the only way left to tell that the body is not whole.
    outgoing.destroy();
    if (!clientWent(error)) application.log.error({ err: error }, 'a response broke off');
  }
  return RESPONSE_ALREADY_SENT;
}

function headersOf(response: Response): Record<string, string | string[]> {
  const cookies = response.headers.getSetCookie();
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers);
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  return headers;
}

function clientWent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ABORT_ERR';
}
