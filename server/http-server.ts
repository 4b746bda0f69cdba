import { createServer, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Application } from '@/lib/composition.ts';
import { requestIdOf } from '@/lib/http/endpoint.ts';
import { nodeBodyOf } from '@/lib/http/node-body.ts';
import { runInScope } from '@/lib/http/request-scope.ts';
import { withWorkContext } from '@/lib/observability/request-context.ts';
import { guardIdleConnections } from './idle-guard.ts';
import { RequestLog } from './request-log.ts';

type Fetch = (request: Request, env: HttpBindings) => Promise<Response> | Response;

/** A client's headers must be complete in this time. */
const HEADERS_TIMEOUT_MS = 20_000;
/** Longer than common load balancers keep idle connections, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * The node:http server around `fetch`.
 *
 * `requestTimeout` is off: it would cut uploads after 300 s. A client that falls silent is caught by the idle guard, one
 * that is slow with its headers by `headersTimeout`.
 */
export function createHttpServer(application: Application, fetch: Fetch): Server {
  const { http } = application.config;
  const requestLog = new RequestLog(application);
  const listener = getRequestListener(
    (request, env) => serveOne({ application, requestLog, fetch }, request, env as HttpBindings),
    { hostname: 'localhost' },
  );
  const options = {
    requestTimeout: 0,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: 5_000,
  };
  const server = createServer(options, (incoming, outgoing) => void listener(incoming, outgoing));
  server.maxConnections = http.maxConnections;
  guardIdleConnections(server, http.idleTimeoutMs);
  return server;
}

interface Serving {
  application: Application;
  requestLog: RequestLog;
  fetch: Fetch;
}

async function serveOne(serving: Serving, request: Request, env: HttpBindings): Promise<Response> {
  const { application, requestLog, fetch } = serving;
  const work = { requestId: requestIdOf(request) };
  return withWorkContext(work, () =>
    runInScope({ application, incoming: env.incoming }, async () => {
      requestLog.watch(env.incoming, env.outgoing, work);
      if (application.readiness.stopping) env.outgoing.shouldKeepAlive = false;
      const response = await fetch(request, env);
      return sendNodeBody(application, response, env.outgoing);
    }),
  );
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

/** Resolves with the port when the server listens. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
