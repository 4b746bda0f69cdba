import type { Reply } from '@/sandbox/exchange.ts';

/** RFC 9457, as every error of the API. */
export class RunpodProblem extends Error {
  readonly status: number;
  readonly errors: string[];

  constructor(status: number, detail: string, errors: string[] = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Payload Too Large',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
};

export function problemReply({ status, message, errors }: RunpodProblem): Reply {
  const body = { title: TITLES[status] ?? 'Error', status, detail: message, ...(errors.length > 0 ? { errors } : {}) };
  return { status, headers: { 'content-type': 'application/problem+json' }, body: JSON.stringify(body) };
}
