import { createServer, type RequestListener, type Server } from 'node:http';
import type { HttpConfig } from '@/lib/config/config.ts';
import { guardIdleConnections } from './idle-guard.ts';

/** A client's headers must be complete in this time. */
const HEADERS_TIMEOUT_MS = 20_000;
/** Longer than common load balancers keep idle connections, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * The node:http server.
 *
 * `requestTimeout` is off: it would cut uploads after 300 s. A client that falls silent is caught by the idle guard, one
 * that is slow with its headers by `headersTimeout`.
 */
export function createHttpServer(http: HttpConfig, listener: RequestListener): Server {
  const server = createServer(
    {
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: 5_000,
    },
    listener,
  );
  server.maxConnections = http.maxConnections;
  guardIdleConnections(server, http.idleTimeoutMs);
  return server;
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
