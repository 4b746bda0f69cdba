import { DrizzleQueryError } from 'drizzle-orm';
import { LongshoreError, messageOf } from '@/lib/errors.ts';

/** SQLSTATE codes that callers act on. */
export const SQLSTATE = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  checkViolation: '23514',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
  insufficientPrivilege: '42501',
} as const;

/**
 * A statement that the database refused.
 *
 * Carries the statement's text and never its values: rows hold hashes, ciphertexts and users' words.
 */
export class QueryError extends Error {
  readonly sqlState: string;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  readonly statement: string;

  constructor(statement: string, sqlState: string, cause: unknown) {
    super(messageOf(cause));
    this.name = 'QueryError';
    this.statement = statement;
    this.sqlState = sqlState;
    this.constraint = textField(cause, 'constraint');
    this.table = textField(cause, 'table');
  }
}

/** True when `error` is a unique violation, of the given constraint or index where one is named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (!(error instanceof QueryError) || error.sqlState !== SQLSTATE.uniqueViolation) return false;
  return constraint === undefined || error.constraint === constraint;
}

/** Connection lost, out of resources (a full disk among them), server going down or coming up. */
const UNAVAILABLE = /^(08|53|57P)/;

/** Turns drizzle's error, whose message spells out every bound value, into one without. Others pass unchanged. */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof DrizzleQueryError)) return error;
  const sqlState = sqlStateOf(error.cause);
  if (sqlState === undefined || UNAVAILABLE.test(sqlState)) return unavailable(error.cause);
  return new QueryError(error.query, sqlState, error.cause);
}

/** The database did not answer. Nobody knows whether the statement took effect. */
export function unavailable(cause: unknown): LongshoreError {
  return new LongshoreError('database_unavailable', `The database did not answer: ${messageOf(cause)}`, {
    hint: 'Try again shortly. If it lasts, the log of the database says more.',
    details: { sql_state: sqlStateOf(cause) ?? null },
    cause,
  });
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
