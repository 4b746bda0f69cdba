import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerAdmin, isAdminPath } from './admin.ts';
import { ConnectionCut, gone, withBodyFaults } from './body-faults.ts';
import type { Exchange, Reply, SandboxApp } from './exchange.ts';
import type { FaultAction, FaultInjector } from './faults.ts';
import type { RequestLog } from './request-log.ts';
import { sendReply } from './send-reply.ts';
import type { Throttle } from './throttle.ts';

export interface LoopbackParts {
  app: SandboxApp;
  faults: FaultInjector;
  throttle: Throttle;
  log: RequestLog;
  /** 0 or absent: a free port. */
  port?: number;
}

/** An HTTP server on 127.0.0.1 that runs one sandbox application behind the fault switch. */
export class LoopbackServer {
  readonly #parts: LoopbackParts;
  #server: Server;
  #port: number;

  constructor(parts: LoopbackParts) {
    this.#parts = parts;
    this.#port = parts.port ?? 0;
    this.#server = this.#create();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Also starts again after `stop`, on the same port. */
  async start(): Promise<void> {
    if (this.#server.listening) return;
    this.#server = this.#create();
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections and breaks the open ones, until `start`. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #create(): Server {
    const server = createServer({ requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 30_000 });
    server.on('request', (request, response) => void this.#serve(request, response, false));
    server.on('checkContinue', (request, response) => void this.#serve(request, response, true));
    return server;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Promise<void> {
    const { app, log } = this.#parts;
    const exchange = this.#exchange(request, response, awaitsContinue);
    const entry = log.open(exchange);
    try {
      const reply = isAdminPath(exchange.path)
        ? await answerAdmin(exchange, this.#parts)
        : await this.#answer(exchange, app);
      entry.status = reply.status;
      await sendReply(response, reply, exchange, this.#parts.throttle);
    } catch (error) {
      this.#fail(error, exchange, response);
    } finally {
      if (!request.readableEnded && !request.destroyed) request.resume();
    }
  }

  #exchange(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Exchange {
    const [path = '/', rawQuery = ''] = splitOnce(request.url ?? '/', '?');
    const method = request.method ?? 'GET';
    const query = new URLSearchParams(rawQuery);
    const target = { method, path, query, headers: request.headers };
    const operation = isAdminPath(path) ? 'sandbox' : this.#parts.app.operationOf(target);
    const faults = isAdminPath(path) ? [] : this.#parts.faults.take({ method, path, operation });
    const signal = closedSignal(response);
    const onFirstRead = awaitsContinue ? () => response.writeContinue() : () => {};
    const received = this.#requestBody(request, onFirstRead, signal);
    const body = cutting(withBodyFaults(received, 'request', faults, signal), request);
    return { ...target, rawQuery, operation, faults, signal, body, request };
  }

  async *#requestBody(request: IncomingMessage, onFirstRead: () => void, signal: AbortSignal): AsyncIterable<Buffer> {
    onFirstRead();
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      await this.#parts.throttle.up(chunk.length, signal);
      yield chunk;
    }
  }

  async #answer(exchange: Exchange, app: SandboxApp): Promise<Reply> {
    const refused = await this.#actOut('before', exchange);
    if (refused !== undefined) return refused;
    const reply = await app.handle(exchange);
    return (await this.#actOut('after', exchange)) ?? reply;
  }

  async #actOut(moment: 'before' | 'after', exchange: Exchange): Promise<Reply | undefined> {
    for (const fault of exchange.faults.filter((f) => momentOf(f) === moment)) {
      const reply = await this.#act(fault, exchange);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  async #act(fault: FaultAction, exchange: Exchange): Promise<Reply | undefined> {
    if (fault.kind === 'outage' || fault.kind === 'reset') throw new ConnectionCut('reset');
    if (fault.kind === 'delay') await sleep(fault.delayMs, undefined, { signal: exchange.signal });
    if (fault.kind === 'stall') await gone(exchange.signal);
    if (fault.kind !== 'status' && fault.kind !== 'rate_limit') return undefined;
    const limit = fault.kind === 'rate_limit' ? { status: 503, ...fault } : fault;
    const reply = this.#parts.app.refuse(exchange, limit);
    if (fault.retryAfterSeconds === undefined) return reply;
    return { ...reply, headers: { ...reply.headers, 'retry-after': String(fault.retryAfterSeconds) } };
  }

  #fail(error: unknown, exchange: Exchange, response: ServerResponse): void {
    if (error instanceof ConnectionCut && error.how === 'reset') response.socket?.resetAndDestroy();
    else if (exchange.signal.aborted || response.headersSent) response.destroy();
    else {
      console.error(`sandbox: ${exchange.operation} failed:`, error);
      response.writeHead(500, { 'content-type': 'text/plain' }).end('sandbox: internal error');
    }
  }
}

/** `request` and `response` mean bodies, which act their faults out themselves. */
function momentOf(fault: FaultAction): string | undefined {
  switch (fault.kind) {
    case 'outage':
    case 'rate_limit':
      return 'before';
    case 'status':
    case 'delay':
    case 'stall':
    case 'reset':
      return fault.when ?? 'before';
    default:
      return undefined;
  }
}

/** Breaks the connection at once, whatever the application makes of the error. */
async function* cutting(body: AsyncIterable<Buffer>, request: IncomingMessage): AsyncIterable<Buffer> {
  try {
    yield* body;
  } catch (error) {
    if (error instanceof ConnectionCut) request.socket.resetAndDestroy();
    throw error;
  }
}

function closedSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) controller.abort(new ConnectionCut('close'));
  });
  return controller.signal;
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + separator.length)];
}
