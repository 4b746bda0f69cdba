import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { LongshoreError } from '@/lib/errors.ts';

const connections = new WeakMap<Request, IncomingMessage>();

/** Remembers which connection a request came by, so that its body need not pass through two web streams. */
export function rememberIncoming(request: Request, incoming: IncomingMessage): void {
  connections.set(request, incoming);
}

/** The connection of a request whose body nobody has begun to read as a web stream. */
export function incomingOf(request: Request): IncomingMessage | undefined {
  const incoming = connections.get(request);
  return incoming === undefined || incoming.readableDidRead ? undefined : incoming;
}

/**
 * The body of a request on Longshore's own server. Destroying it leaves the connection alone, unlike destroying the
 * IncomingMessage, so that a body that is refused half-way still gets its answer.
 */
export class IncomingBody extends Readable {
  readonly #incoming: IncomingMessage;

  constructor(incoming: IncomingMessage) {
    super({ highWaterMark: incoming.readableHighWaterMark });
    this.#incoming = incoming;
    incoming.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBreak).on('close', this.#onBreak);
    incoming.pause();
    // A connection may break before anybody reads: without a listener that would end the process. Whoever reads later still
    // gets the error, which the stream keeps.
    this.on('error', () => undefined);
    if (incoming.destroyed && !incoming.readableEnded) this.#onBreak();
  }

  override _read(): void {
    this.#incoming.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const incoming = this.#incoming;
    incoming.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBreak);
    // The listener for errors stays: without one, a connection that breaks later would end the process.
    if (!incoming.readableEnded) incoming.pause();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#incoming.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onBreak = (): void => {
    if (this.#incoming.readableEnded || this.destroyed) return;
    this.destroy(
      new LongshoreError('incomplete_body', 'The connection broke before the whole body had arrived.', {
        hint: 'Send it again, or use a resumable upload.',
      }),
    );
  };
}
