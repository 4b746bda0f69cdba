import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FaultAction } from './faults.ts';

/** One request as the sandbox applications see it. */
export interface Exchange {
  readonly method: string;
  /** Undecoded, without the query: signatures are computed over it. */
  readonly path: string;
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly operation: string;
  /** May be consumed once. Errors when the client goes away. Reading it sends `100 Continue` where it is awaited. */
  readonly body: AsyncIterable<Buffer>;
  /** Faults that the application itself must act out (`false_success`). */
  readonly faults: readonly FaultAction[];
  /** Fires when the connection is gone before the answer was complete. */
  readonly signal: AbortSignal;
  readonly request: IncomingMessage;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** An iterable needs its own content-length header, or goes out chunked. */
  body?: string | Buffer | AsyncIterable<Buffer>;
}

export interface Target {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
}

/** What a sandbox server is made of. `handle` MUST answer its own errors; what it throws becomes a bare 500. */
export interface SandboxApp {
  operationOf(target: Target): string;
  handle(exchange: Exchange): Promise<Reply>;
  /** An injected error in this server's own format. */
  refuse(exchange: Exchange, fault: { status: number; code?: string; message?: string }): Reply;
  /** Requests under /__sandbox/ that the common part does not know. */
  admin?(request: AdminRequest): Promise<unknown>;
}

export interface AdminRequest {
  method: string;
  /** Path after /__sandbox/, decoded and split at slashes. */
  parts: string[];
  query: URLSearchParams;
  body: unknown;
}

export function hasFalseSuccess(exchange: Pick<Exchange, 'faults'>): boolean {
  return exchange.faults.some((fault) => fault.kind === 'false_success');
}

/** The whole body, refused above `limitBytes` by the error that `tooLarge` makes. */
export async function readAll(
  body: AsyncIterable<Buffer>,
  limitBytes: number,
  tooLarge: () => Error = () => new Error(`body over ${limitBytes} bytes`),
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
