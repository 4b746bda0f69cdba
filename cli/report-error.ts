import { LongshoreError, messageOf } from '@/lib/errors.ts';
import type { FileFinding, Problem } from '@/lib/http/api-types.ts';
import { ApiError } from './api-client.ts';
import { EXIT } from './exit-codes.ts';
import { note, paint, printJson, type Terminal } from './output/terminal.ts';

/** Tells what went wrong and what to do, and answers the exit code. */
export function reportError(terminal: Terminal, error: unknown): number {
  if (error instanceof ApiError) return reportProblem(terminal, error.problem, error.file);
  const code = error instanceof LongshoreError ? error.code : 'unexpected';
  const hint = error instanceof LongshoreError ? error.hint : undefined;
  if (terminal.json) printJson(terminal, { error: { code, message: messageOf(error), hint } });
  tell(terminal, messageOf(error), hint);
  return EXIT_BY_CODE[code] ?? EXIT.failed;
}

const EXIT_BY_CODE: Record<string, number> = {
  usage: EXIT.usage,
  file_unreadable: EXIT.usage,
  file_exists: EXIT.usage,
  python_missing: EXIT.usage,
  python_too_old: EXIT.usage,
  server_unreachable: EXIT.unreachable,
  api_key_missing: EXIT.unreachable,
  data_dir_locked: EXIT.unreachable,
  interrupted: EXIT.interrupted,
};

function reportProblem(terminal: Terminal, problem: Problem, file: string | undefined): number {
  if (terminal.json) printJson(terminal, { error: problem });
  for (const finding of problem.errors ?? []) note(terminal, findingLine(finding, file ?? 'file'));
  tell(terminal, problem.detail, problem.hint);
  if (problem.status >= 500 && problem.request_id !== undefined) note(terminal, `  request ${problem.request_id}`);
  if (problem.status === 401) return EXIT.unreachable;
  return problem.errors === undefined ? EXIT.failed : EXIT.findings;
}

/** `file:line  path  message`, so that editors can jump there. */
function findingLine(finding: FileFinding, file: string): string {
  const record = finding.record === null ? '' : ` (record ${finding.record})`;
  const place = finding.line === null ? `${file}${record}` : `${file}:${finding.line}`;
  const hint = finding.hint === null ? '' : `\n    ${finding.hint}`;
  return `${place}  ${finding.path ?? '-'}  ${finding.message}${hint}`;
}

function tell(terminal: Terminal, message: string, hint: string | undefined): void {
  note(terminal, `${paint(terminal, 'red', 'error')}  ${message}`);
  if (hint !== undefined) note(terminal, `  ${hint}`);
}
