import type { Writable } from 'node:stream';
import { pino } from 'pino';
import { redact, redactText } from '@/lib/observability/redact.ts';
import { workContext } from '@/lib/observability/request-context.ts';

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
  /** Where JSON lines go. Default: stderr, so that stdout stays for what a command answers. */
  destination?: Writable;
}

export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: () => workContext() ?? {},
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (bindings) => redact(bindings) as Record<string, unknown>,
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
}

/** For tests and tools that want no output. */
export function silentLogger(): Logger {
  return createLogger({ level: 'silent' });
}
