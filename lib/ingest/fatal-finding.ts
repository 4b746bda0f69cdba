import type { Finding } from './types.ts';

/** The file cannot be read further. It ends the scan and becomes the report's last finding: a rejection, not a fault. */
export class FatalFinding extends Error {
  readonly finding: Finding;

  constructor(code: string, message: string, options: FatalOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FatalFinding';
    this.finding = {
      code,
      severity: 'fatal',
      line: options.line ?? null,
      record: options.record ?? null,
      path: null,
      message,
      hint: options.hint ?? null,
      excerpt: options.excerpt ?? null,
    };
  }
}

export interface FatalOptions {
  hint?: string;
  line?: number;
  record?: number;
  excerpt?: string;
  cause?: unknown;
}

/** A finding about one place or about the whole file. */
export function finding(
  code: string,
  severity: Finding['severity'],
  message: string,
  where: { line?: number; record?: number; path?: string; hint?: string; excerpt?: string } = {},
): Finding {
  return {
    code,
    severity,
    line: where.line ?? null,
    record: where.record ?? null,
    path: where.path ?? null,
    message,
    hint: where.hint ?? null,
    excerpt: where.excerpt ?? null,
  };
}
