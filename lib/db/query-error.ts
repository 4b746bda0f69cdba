import { DrizzleQueryError } from 'drizzle-orm';
import { messageOf } from '@/lib/errors.ts';

/** SQLSTATE codes that callers act on. */
export const SQLSTATE = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  checkViolation: '23514',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
} as const;

/**
 * A statement that the database refused, or that was lost with its connection.
 *
 * Carries the statement's text and never its values: rows hold hashes, ciphertexts and users' words.
 */
export class QueryError extends Error {
  /** SQLSTATE; undefined when the connection failed, and then nobody knows whether the statement took effect. */
  readonly sqlState: string | undefined;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  readonly statement: string;

  constructor(statement: string, cause: unknown) {
    super(messageOf(cause));
    this.name = 'QueryError';
    this.statement = statement;
    this.sqlState = sqlStateOf(cause);
    this.constraint = textField(cause, 'constraint');
    this.table = textField(cause, 'table');
  }
}

/** True when `error` is a unique violation, of the given constraint or index where one is named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (!(error instanceof QueryError) || error.sqlState !== SQLSTATE.uniqueViolation) return false;
  return constraint === undefined || error.constraint === constraint;
}

/** Turns drizzle's error, whose message spells out every bound value, into a QueryError. Others pass unchanged. */
export function withoutValues(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? new QueryError(error.query, error.cause) : error;
}

/** SQLSTATE of what `pg` threw. No SQLSTATE starts with E, all codes of sockets do (`EPIPE`). */
export function sqlStateOf(error: unknown): string | undefined {
  const code = textField(error, 'code');
  return code !== undefined && /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code) ? code : undefined;
}

function textField(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const field: unknown = Reflect.get(value, name);
  return typeof field === 'string' ? field : undefined;
}
