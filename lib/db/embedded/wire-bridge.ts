/**
 * Serves the PostgreSQL protocol over a socket from an engine that has one session only.
 *
 * Connections take turns for their whole life: the next one is welcomed when the one before is gone and what it left
 * behind (an open transaction, settings, prepared statements, locks) is cleaned away. So transactions never interleave,
 * and a client that dies in the middle of one is rolled back.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { fatalError, query, welcome } from './backend-messages.ts';
import { FrontendMessages } from './frontend-messages.ts';
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
    } catch (error) {
      // A socket that broke needs no answer. Bytes that are not the protocol get one.
      if (error instanceof RangeError) socket.write(fatalError('08P01', error.message));
    } finally {
      this.#sockets.delete(socket);
      socket.destroySoon();
      turn.end?.();
    }
  }

  async #converse(socket: Socket, turn: Turn): Promise<void> {
    const messages = new FrontendMessages();
    for await (const chunk of socket) {
      for (const event of messages.push(chunk)) {
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
