import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

const STARTING = JSON.stringify({
  type: 'urn:longshore:problem:not_ready',
  title: 'Not available now',
  status: 503,
  code: 'not_ready',
  detail: 'Longshore is starting.',
  hint: 'Try again in a moment.',
});

/** Answers 503 until the application behind it is there. */
export class StartupGate {
  #behind: RequestListener | undefined;

  readonly listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (this.#behind !== undefined) this.#behind(incoming as never, outgoing as never);
    else outgoing.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' }).end(STARTING);
  };

  open(behind: RequestListener): void {
    this.#behind = behind;
  }
}
