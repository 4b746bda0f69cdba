import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Application } from '@/lib/composition.ts';
import type { WorkContext } from '@/lib/observability/request-context.ts';

/** One line and one measurement a request. Paths are logged without their query, which may hold a signature. */
export class RequestLog {
  readonly #log: Application['log'];
  readonly #duration;
  readonly #running;

  constructor({ log, metrics }: Application) {
    this.#log = log;
    this.#duration = metrics.histogram('longshore_http_request_duration_seconds', 'Requests by method and status');
    this.#running = metrics.gauge('longshore_http_requests_running', 'Requests being answered');
  }

  watch(incoming: IncomingMessage, outgoing: ServerResponse, work: WorkContext): void {
    const start = performance.now();
    this.#running.add(1);
    outgoing.once('close', () => {
      const durationMs = performance.now() - start;
      this.#running.add(-1);
      const complete = outgoing.writableFinished;
      const status = complete || outgoing.headersSent ? outgoing.statusCode : 499;
      const method = incoming.method ?? '';
      this.#duration.observe(durationMs / 1000, { method, status });
      const path = incoming.url?.split('?')[0];
      const fields = { ...work, method, path, status, duration_ms: Math.round(durationMs * 10) / 10, complete };
      if (status >= 500) this.#log.warn(fields, 'request');
      else this.#log.info(fields, 'request');
    });
  }
}
