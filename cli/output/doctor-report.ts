import type { DoctorReport } from '@/lib/http/api-types.ts';
import { paint, printLine, type Terminal } from './terminal.ts';

const MARKS = { ok: '✓', failed: '✗', skipped: '·' } as const;
const STYLES = { ok: 'green', failed: 'red', skipped: 'dim' } as const;

/** One line a check; what failed with the missing permission and the remedy below it. */
export function printReport(terminal: Terminal, report: DoctorReport): void {
  const width = Math.max(...report.checks.map((check) => check.title.length));
  for (const { title, status, required, message, action, remedy } of report.checks) {
    const style = status === 'failed' && !required ? 'yellow' : STYLES[status];
    printLine(terminal, `${paint(terminal, style, MARKS[status])} ${title.padEnd(width)}  ${message}`);
    if (action !== undefined) printLine(terminal, `    needs ${action}`);
    if (remedy !== undefined && status === 'failed') printLine(terminal, `    ${remedy}`);
  }
  printLine(terminal, paint(terminal, 'bold', report.summary));
}
