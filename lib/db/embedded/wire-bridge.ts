/**
 * Serves the PostgreSQL protocol over a socket from an engine that has one session only.
 *
 * Connections take turns for their whole life: the next one is welcomed when the one before is gone and what it left
 * behind (an open transaction, settings, prepared statements, locks) is cleaned away. So transactions never interleave,
 * and a client that dies in the middle of one is rolled back.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { fatalError, query, welcome } from './backend-messages.ts';
import { type FrontendEvent, FrontendMessages } from './frontend-messages.ts';
import type { Mutex } from './mutex.ts';

export interface BridgedEngine {
  run(batch: Uint8Array): Promise<Buffer[]>;
  readonly inTransaction: boolean;
}

export interface BridgeOptions {
  engine: BridgedEngine;
  /** As the welcome tells it, e.g. `18.1`. */
  serverVersion: string;
  /** Held for one connection's life. */
  session: Mutex;
  /** Held for one batch. Maintenance takes it too. */
  statement: Mutex;
}

/** Set while a connection has the session. */
interface Turn {
  end?: () => void;
}

export class WireBridge {
  readonly #options: BridgeOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #batches = 0;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#server = createServer((socket) => void this.#serve(socket));
  }

  /** How many batches have been run, to see whether anything happened. */
  get batches(): number {
    return this.#batches;
  }

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  /** Drops all connections, and resolves when what they left behind is cleaned away. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await this.#options.session.run(async () => undefined);
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    const turn: Turn = {};
    try {
      await this.#converse(socket, turn);
    } catch {
      // The socket broke: there is nobody to answer. What it left behind is cleaned away below.
    } finally {
      this.#sockets.delete(socket);
      socket.destroy();
      turn.end?.();
    }
  }

  async #converse(socket: Socket, turn: Turn): Promise<void> {
    const messages = new FrontendMessages();
    for await (const chunk of socket) {
      const events = understand(messages, chunk);
      if (events instanceof RangeError) return lastWords(socket, fatalError('08P01', events.message));
      for (const event of events) {
        if (event.type === 'terminate' || event.type === 'cancel_request') return;
        if (event.type === 'encryption_request') socket.write('N');
        if (event.type === 'startup') await this.#begin(socket, turn);
        if (event.type === 'batch') await this.#answer(socket, event.bytes);
      }
    }
  }

  async #begin(socket: Socket, turn: Turn): Promise<void> {
    const release = await this.#options.session.acquire();
    turn.end = () => void this.#cleanUp().finally(release);
    socket.write(welcome(this.#options.serverVersion));
  }

  async #answer(socket: Socket, batch: Buffer): Promise<void> {
    this.#batches += 1;
    const parts = await this.#options.statement.run(() => this.#options.engine.run(batch));
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  }

  async #cleanUp(): Promise<void> {
    const { engine, statement } = this.#options;
    await statement.run(async () => {
      if (engine.inTransaction) await engine.run(query('ROLLBACK'));
      await engine.run(query('DISCARD ALL'));
    });
  }
}

function understand(messages: FrontendMessages, chunk: Buffer): FrontendEvent[] | RangeError {
  try {
    return messages.push(chunk);
  } catch (error) {
    if (error instanceof RangeError) return error;
    throw error;
  }
}

function lastWords(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => socket.end(bytes, () => resolve()));
}
