import { LongshoreError } from '@/lib/errors.ts';
import type { Problem } from '@/lib/http/api-types.ts';

/** A refusal of the server, told to the person as it came. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** The local file that the refusal is about, for `file:line` messages. */
  readonly file: string | undefined;

  constructor(problem: Problem, file?: string) {
    super(problem.detail);
    this.name = 'ApiError';
    this.problem = problem;
    this.file = file;
  }
}

export interface RequestOptions {
  method?: string;
  query?: Record<string, string | number | undefined>;
  json?: unknown;
  body?: ReadableStream<Uint8Array> | Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Speaks to one Longshore server as one user. The key goes to that server only. */
export class ApiClient {
  readonly baseUrl: string;
  readonly #apiKey: string;

  constructor(baseUrl: string, apiKey: string) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.#apiKey = apiKey;
  }

  /** For a process of this person's that speaks to the same server. */
  get apiKey(): string {
    return this.#apiKey;
  }

  get authorization(): Record<string, string> {
    return { authorization: `Bearer ${this.#apiKey}` };
  }

  url(path: string, query: RequestOptions['query'] = {}): string {
    const url = new URL(this.baseUrl + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url.href;
  }

  /** The raw answer; throws ApiError for a refusal and `server_unreachable` when nobody answers. */
  async request(path: string, options: RequestOptions = {}): Promise<Response> {
    const response = await this.#send(path, options);
    if (response.ok || (response.status >= 300 && response.status < 400)) return response;
    throw new ApiError(await readProblem(response));
  }

  async json<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.request(path, options);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** Every item of a keyset-paged list, page by page. */
  async *pages<T>(path: string, field: string, query: RequestOptions['query'] = {}): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const page = await this.json<Record<string, unknown>>(path, { query: { ...query, cursor } });
      yield* page[field] as T[];
      cursor = (page.next_cursor as string | null) ?? undefined;
    } while (cursor !== undefined);
  }

  async #send(path: string, options: RequestOptions): Promise<Response> {
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    const init = {
      method: options.method ?? 'GET',
      headers: {
        ...this.authorization,
        ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      redirect: 'manual',
      signal: options.signal,
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    } as RequestInit;
    try {
      return await fetch(this.url(path, options.query), init);
    } catch (cause) {
      if (options.signal?.aborted === true) throw cause;
      throw new LongshoreError('server_unreachable', `No answer from ${this.baseUrl}.`, {
        hint: 'Is the server running? Start it with: longshore serve',
        cause,
      });
    }
  }
}

async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text();
  const fallback = {
    code: 'unexpected_answer',
    detail: `The server answered ${response.status}.`,
    status: response.status,
  };
  try {
    return { ...fallback, ...(JSON.parse(text) as Partial<Problem>) };
  } catch {
    return fallback;
  }
}
