import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

/**
 * Cuts a connection on which nothing moved for `idleMs` although it is the client's turn: to send more of its body, or to
 * take more of ours. Where it is our turn (bytes are being checked, a backup is being read) it may take as long as it
 * takes. Node's own socket timer does the measuring and knows of partly written buffers.
 */
export function guardIdleConnections(server: Server, idleMs: number): void {
  const exchanges = new WeakMap<Socket, Exchange>();
  server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    exchanges.set(socket, { incoming, outgoing });
    outgoing.once('close', () => {
      if (exchanges.get(socket)?.outgoing === outgoing) exchanges.delete(socket);
    });
  });
  server.setTimeout(idleMs, (socket: Socket) => {
    const exchange = exchanges.get(socket);
    if (exchange === undefined || isClientsTurn(exchange)) cut(socket, exchange);
    else socket.setTimeout(idleMs);
  });
}

function isClientsTurn({ incoming, outgoing }: Exchange): boolean {
  if (outgoing.writableLength > 0) return true;
  // A full buffer means that we are the ones who do not read.
  return !incoming.complete && incoming.readableLength < incoming.readableHighWaterMark;
}

function cut(socket: Socket, exchange: Exchange | undefined): void {
  if (exchange === undefined || exchange.outgoing.headersSent || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = JSON.stringify({
    type: 'urn:longshore:problem:idle_timeout',
    title: 'No bytes arrived in time',
    status: 408,
    code: 'idle_timeout',
    detail: 'The rest of the request did not arrive in time.',
    hint: 'Send it again over a steadier connection, or use a resumable upload.',
  });
  socket.write(
    `HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(problem)}\r\n\r\n${problem}`,
    () => socket.destroy(),
  );
}
