import type { Problem } from './types.ts';

/** A refusal of the server, with its stable `code`; or that nobody answered (status 0). */
export class ApiProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ApiProblem';
    this.problem = problem;
  }
}

type Query = Record<string, string | number | boolean | undefined | null>;

interface RequestOptions {
  method?: string;
  query?: Query;
  json?: unknown;
  /** The same for a request that is sent again because its answer was lost: it is then done once. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** One request to the own server, with the session cookie. Throws ApiProblem for refusals and lost connections. */
export async function api<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  throw new ApiProblem(await readProblem(response));
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', query = {}, json, idempotencyKey, signal } = options;
  const headers: Record<string, string> = {};
  if (json !== undefined) headers['content-type'] = 'application/json';
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  const init = { method, credentials: 'same-origin', headers, body: JSON.stringify(json), signal } as const;
  try {
    return await fetch(path + queryString(query), init);
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new ApiProblem({
      code: 'server_unreachable',
      status: 0,
      detail: 'The server does not answer.',
      hint: 'Check that it is running and that you are connected. This page goes on by itself.',
    });
  }
}

function queryString(query: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

async function readProblem(response: Response): Promise<Problem> {
  const fallback = {
    code: 'unexpected_answer',
    status: response.status,
    detail: `The server answered ${response.status}.`,
  };
  try {
    return { ...fallback, ...(await response.json()) };
  } catch {
    return fallback;
  }
}

/** Retrying helps only where nobody answered or the server was busy. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiProblem && [0, 429, 502, 503, 504].includes(error.problem.status);
}
