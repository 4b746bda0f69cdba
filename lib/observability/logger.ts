import type { Writable } from 'node:stream';
import { type Logger as PinoLogger, pino } from 'pino';
import { redact, redactText } from '@/lib/observability/redact.ts';
import { workContext } from '@/lib/observability/request-context.ts';
import { terminalLog } from '@/lib/observability/terminal-log.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Structured logging. Fields and message are redacted, and carry the request id of the work they belong to. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  /** For the last words of a process: written before the call returns. */
  fatal(fields: Record<string, unknown>, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

export interface LoggerOptions {
  level: LogLevel;
  /**
   * Where JSON lines go. Default: stderr, so that stdout stays for what a command answers; one readable line each where
   * that is a terminal.
   */
  destination?: Pick<Writable, 'write'>;
}

export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? standardError();
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // A copy: pino writes the line's own fields into it.
      mixin: () => ({ ...workContext() }),
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map((arg) => (typeof arg === 'string' ? redactText(arg) : arg)) as typeof args);
        },
      },
      // Errors are made plain by `redact`; pino's own serialiser would print their messages as they are.
      serializers: { err: (error: unknown) => error },
    },
    destination,
  );
  return face(root);
}

/** pino runs no formatter over the fields of a child: they are redacted before it sees them. */
function face(logger: PinoLogger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    fatal: (fields, message) => logger.fatal(fields, message),
    child: (fields) => face(logger.child(redact(fields) as Record<string, unknown>)),
  };
}

function standardError(): Pick<Writable, 'write'> {
  const lines = pino.destination({ dest: 2, sync: true });
  return process.stderr.isTTY === true ? terminalLog(lines) : lines;
}

/** For tests and tools that want no output. */
export function silentLogger(): Logger {
  return createLogger({ level: 'silent' });
}
