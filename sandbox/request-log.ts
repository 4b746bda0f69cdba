import type { Exchange } from './exchange.ts';

export interface LoggedRequest {
  method: string;
  /** Without the query, which may hold a signature. */
  path: string;
  operation: string;
  /** Undefined while it runs, and for ever when the connection broke. */
  status: number | undefined;
  /** The `range` header of the request. */
  range: string | undefined;
}

/** What was asked of a server, newest last; the oldest are forgotten. For assertions such as "one GET, with a range". */
export class RequestLog {
  readonly #entries: LoggedRequest[] = [];
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  open(exchange: Exchange): LoggedRequest {
    const { method, path, operation, headers } = exchange;
    const entry: LoggedRequest = { method, path, operation, status: undefined, range: headers.range };
    if (operation !== 'sandbox') this.#entries.push(entry);
    if (this.#entries.length > this.#limit) this.#entries.shift();
    return entry;
  }

  list(operation?: string): LoggedRequest[] {
    return this.#entries.filter((entry) => operation === undefined || entry.operation === operation);
  }

  clear(): void {
    this.#entries.length = 0;
  }
}
