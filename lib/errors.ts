/**
 * The one error type that crosses module borders inside Longshore.
 *
 * `code` is stable: clients and tests act on it, never on the message. `message` says what happened,
 * `hint` says what to do about it. Neither may contain a secret, a signed URL or record content.
 * HTTP statuses are chosen in `lib/http/problem.ts` only.
 */
export class LongshoreError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: LongshoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LongshoreError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

export interface LongshoreErrorOptions {
  hint?: string;
  /** Machine-readable extras that the problem document may show, e.g. `{ limit_bytes: 1024 }`. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** The message of anything that was thrown, for logs and wrapped errors. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
