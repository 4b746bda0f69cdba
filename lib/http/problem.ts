import { ZodError } from 'zod';
import { QueryError, SQLSTATE } from '@/lib/db/query-error.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { STATUS_BY_CODE, STATUS_BY_STORAGE_CODE, TITLES } from '@/lib/http/status-codes.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** RFC 9457 problem details, with Longshore's stable `code` and a `hint` that says what to do. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  hint?: string;
  request_id: string;
  errors?: readonly unknown[];
  [extra: string]: unknown;
}

interface Verdict {
  status: number;
  code: string;
  detail: string;
  hint: string | undefined;
  details: Readonly<Record<string, unknown>>;
  /** Seconds, whole. */
  retryAfter: number | undefined;
}

const HIDDEN: Verdict = {
  status: 500,
  code: 'internal_error',
  detail: 'Something went wrong on our side. Nothing that was answered before is affected.',
  hint: 'Try again. If it stays, look for the request id in the server log.',
  details: {},
  retryAfter: undefined,
};

const DATABASE_BUSY: Verdict = {
  status: 503,
  code: 'database_unavailable',
  detail: 'The database could not do this at the moment.',
  hint: 'Try again. If it stays, look at /readyz and the server log.',
  details: {},
  retryAfter: 2,
};

/** True where a person must look at the server's log: the answer hides what happened. */
export function isInternal(error: unknown): boolean {
  const verdict = verdictOf(error);
  return verdict.status === 500 || verdict === DATABASE_BUSY;
}

export function statusOf(error: unknown): number {
  return verdictOf(error).status;
}

export function problemOf(error: unknown, requestId: string): Problem {
  const { status, code, detail, hint, details } = verdictOf(error);
  return {
    ...details,
    type: `urn:longshore:problem:${code}`,
    title: TITLES[status] ?? 'Error',
    status,
    code,
    detail,
    ...(hint === undefined ? {} : { hint }),
    request_id: requestId,
  };
}

/** The answer to anything that was thrown. Never shows internals, stacks or messages of unknown errors. */
export function problemResponse(error: unknown, requestId: string): Response {
  const { retryAfter } = verdictOf(error);
  const problem = problemOf(error, requestId);
  const headers = new Headers({
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
  });
  if (retryAfter !== undefined) headers.set('Retry-After', String(retryAfter));
  if (problem.status === 401) headers.set('WWW-Authenticate', 'Bearer realm="longshore"');
  if (Array.isArray(problem.allow)) headers.set('Allow', problem.allow.join(', '));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

function verdictOf(error: unknown): Verdict {
  // The driver's message may name a host of the inside.
  if (error instanceof LongshoreError && error.code === DATABASE_BUSY.code) return DATABASE_BUSY;
  if (error instanceof LongshoreError) return longshoreVerdict(error);
  if (error instanceof StorageError) return storageVerdict(error);
  if (error instanceof ZodError) return zodVerdict(error);
  if (error instanceof QueryError && isPassing(error)) return DATABASE_BUSY;
  if (isAbort(error)) return { ...HIDDEN, status: 499, code: 'client_gone', detail: 'The client went away.' };
  return HIDDEN;
}

function longshoreVerdict(error: LongshoreError): Verdict {
  const status = STATUS_BY_CODE[error.code];
  if (status === undefined) return HIDDEN;
  const seconds = error.details.retry_after_seconds;
  return {
    status,
    code: error.code,
    detail: error.message,
    hint: error.hint,
    details: error.details,
    retryAfter: typeof seconds === 'number' ? Math.max(1, Math.ceil(seconds)) : undefined,
  };
}

function storageVerdict(error: StorageError): Verdict {
  const status = STATUS_BY_STORAGE_CODE[error.code];
  const wait = error.retryAfterMs ?? (status === 503 ? 5_000 : undefined);
  return {
    status,
    code: `storage_${error.code}`,
    detail: `The ${error.provider} store could not do this (${error.code}).`,
    hint: status === 503 ? 'The store is not well at the moment. Try again.' : 'Run `longshore doctor`.',
    details: { provider: error.provider, operation: error.operation },
    retryAfter: wait === undefined ? undefined : Math.max(1, Math.ceil(wait / 1000)),
  };
}

function zodVerdict(error: ZodError): Verdict {
  const errors = error.issues.map((issue) => ({
    path: ['$', ...issue.path].map(String).join('.'),
    code: issue.code,
    message: issue.message,
  }));
  const first = errors[0];
  return {
    status: 400,
    code: 'invalid_request',
    detail: first === undefined ? 'The request is not valid.' : `${first.path}: ${first.message}`,
    hint: 'Every fault is listed in `errors`.',
    details: { errors },
    retryAfter: undefined,
  };
}

/** The statement had to give way to another, or took too long: not the fault of the request. */
function isPassing({ sqlState }: QueryError): boolean {
  const passing: readonly string[] = [
    SQLSTATE.serializationFailure,
    SQLSTATE.deadlockDetected,
    SQLSTATE.lockNotAvailable,
    SQLSTATE.queryCanceled,
  ];
  return passing.includes(sqlState);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR'));
}
