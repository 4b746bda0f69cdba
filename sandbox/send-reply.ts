import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { ConnectionCut, cutsBody, withBodyFaults } from './body-faults.ts';
import type { Exchange, Reply } from './exchange.ts';
import type { Throttle } from './throttle.ts';

/** Sends a reply through the response faults and the throttle. Resolves when it is sent or the connection is gone. */
export async function sendReply(
  response: ServerResponse,
  reply: Reply,
  exchange: Exchange,
  throttle: Throttle,
): Promise<void> {
  writeHead(response, reply);
  if (exchange.method === 'HEAD' || reply.body === undefined) {
    response.end();
    return;
  }
  const body = withBodyFaults(iterate(reply.body), 'response', exchange.faults, exchange.signal);
  if (cutsBody(exchange.faults, 'response')) response.flushHeaders();
  try {
    await writeBody(response, body, throttle, exchange.signal);
  } catch (error) {
    if (error instanceof ConnectionCut) await cutConnection(response, error.how);
    else response.destroy();
    if (!(error instanceof ConnectionCut) && !exchange.signal.aborted) throw error;
  }
}

function writeHead(response: ServerResponse, reply: Reply): void {
  const headers: Record<string, string> = { ...reply.headers };
  if (typeof reply.body === 'string' || Buffer.isBuffer(reply.body)) {
    headers['content-length'] ??= String(Buffer.byteLength(reply.body));
  } else if (reply.body === undefined && reply.status !== 204 && reply.status !== 304) {
    headers['content-length'] ??= '0';
  }
  response.writeHead(reply.status, headers);
}

async function* iterate(body: string | Buffer | AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (typeof body === 'string') yield Buffer.from(body);
  else if (Buffer.isBuffer(body)) yield body;
  else yield* body;
}

async function writeBody(
  response: ServerResponse,
  body: AsyncIterable<Buffer>,
  throttle: Throttle,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of body) {
    await throttle.down(chunk.length, signal);
    if (!response.write(chunk)) await once(response, 'drain', { signal });
  }
  response.end();
}

async function cutConnection(response: ServerResponse, how: 'close' | 'reset'): Promise<void> {
  const { socket } = response;
  if (socket === null || socket.destroyed) return;
  if (how === 'reset') socket.resetAndDestroy();
  else socket.destroySoon();
}
