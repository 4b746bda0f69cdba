import { formatFinding } from '@/lib/ingest/format-report.ts';
import type { Finding, IngestReport, Severity } from '@/lib/ingest/types.ts';
import { formatCount } from './units.ts';

export const SHOWN_PER_CODE = 10;

/** Worst first: what refuses the file must not drown in what only deserves a look. */
const ORDER: Record<Severity, number> = { fatal: 0, error: 1, warning: 2, info: 3 };

/**
 * A report's findings as lines `file:line  path  message`, by severity, at most `perCode` of each code, and a line that
 * counts what is not shown.
 */
export function findingLines(report: IngestReport, file: string, perCode: number): string[] {
  const ofCode = (code: string) => report.findings.filter((finding) => finding.code === code);
  const codes = Object.entries(report.counts).sort(([, a], [, b]) => ORDER[a.severity] - ORDER[b.severity]);
  return codes.flatMap(([code, { count }]) => groupLines(ofCode(code), { file, code, count, perCode }));
}

interface Group {
  file: string;
  code: string;
  count: number;
  perCode: number;
}

function groupLines(findings: readonly Finding[], { file, code, count, perCode }: Group): string[] {
  const shown = findings.slice(0, perCode).map((finding) => formatFinding(finding, file));
  const hidden = count - shown.length;
  return hidden > 0 ? [...shown, `${file}  ${code}: ${formatCount(hidden)} more like this`] : shown;
}
